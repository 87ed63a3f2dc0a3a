// Mouse, touch and keys of the viewer.

Viewer.prototype.listen = function () {
  this.root.querySelectorAll("[data-do]").forEach((button) => { button.onclick = () => this.do(button.dataset.do); });
  this.q(".help").onclick = () => this.do("help");
  this.canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    this.zoomAt(this.at(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)));
  }, { passive: false });
  this.canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  this.canvas.addEventListener("dblclick", () => this.do("reset"));
  this.listenPointer();
  this.keys = (event) => this.key(event);
  // In the capture phase: while a box is drawn or named, its keys are nobody else's.
  window.addEventListener("keydown", this.keys, true);
  this.chosen = (event) => this.choose(event.detail);
  document.addEventListener("cxr-select", this.chosen);
  this.sizes = new ResizeObserver(() => this.draw());
  this.sizes.observe(this.stage);
};

Viewer.prototype.stop = function () {
  window.removeEventListener("keydown", this.keys, true);
  document.removeEventListener("cxr-select", this.chosen);
  clearTimeout(this.resting);
  this.sizes.disconnect();
};

Viewer.prototype.at = function (event) {
  const frame = this.canvas.getBoundingClientRect();
  return { x: event.clientX - frame.left, y: event.clientY - frame.top };
};

Viewer.prototype.listenPointer = function () {
  const fingers = new Map();
  let windowing = false;
  let editing = false;
  let spread = 0;
  const apart = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
  this.canvas.addEventListener("pointerdown", (event) => {
    this.canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, this.at(event));
    windowing = event.button === 2 || (this.mode === "window" && !this.editor.drawing);
    editing = event.button === 0 && fingers.size === 1 && !windowing && !this.magnifying && this.paneAt(this.at(event)).own && this.editor.down(this.at(event));
    if (fingers.size === 2) spread = apart();
  });
  this.canvas.addEventListener("pointermove", (event) => {
    const now = this.at(event);
    this.pointer = now;
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (this.magnifying) this.draw();
      else this.canvas.style.cursor = this.paneAt(now).own && this.mode !== "window" ? this.editor.cursor(now) : "";
      return;
    }
    fingers.set(event.pointerId, now);
    if (editing) { if (this.editor.drag) this.editor.moveTo(now); } else if (fingers.size === 2) {
      const [a, b] = [...fingers.values()];
      this.zoomAt({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, apart() / spread);
      spread = apart();
    } else if (windowing) this.dragWindow(now.x - before.x, now.y - before.y);
    else this.move(now.x - before.x, now.y - before.y);
  });
  const up = (event) => {
    fingers.delete(event.pointerId);
    if (this.editor.drag) this.editor.up();
  };
  this.canvas.addEventListener("pointerup", up);
  this.canvas.addEventListener("pointercancel", up);
  this.canvas.addEventListener("pointerleave", () => { if (!fingers.size) { this.pointer = null; this.draw(); } });
};

const KEY_ACTS = {
  b: "boxes", e: "evidence", i: "invert", w: "window", v: "auto", m: "magnify", r: "reset", "+": "larger", "=": "larger", "-": "smaller",
  "?": "help", z: "full", n: "newbox", u: "undo", c: "compare", x: "flicker",
};
const KEY_MOVES = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };

Viewer.prototype.key = function (event) {
  const undo = event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
  if (typing(event) || ((event.ctrlKey || event.metaKey || event.altKey) && !undo)) return;
  const elsewhere = !this.root.contains(event.composedPath()[0]) && event.composedPath()[0] !== document.body;
  const help = this.q(".help");
  if (undo) this.do("undo");
  else if (event.key === "Escape" && !help.hidden) this.do("help");
  else if (!(elsewhere && event.key.length > 1) && this.editor.key(event)) { /* the editor took it */ }
  else if (KEY_ACTS[event.key]) this.do(KEY_ACTS[event.key]);
  else if (KEY_MOVES[event.key] && this.root.contains(event.composedPath()[0])) this.move(...KEY_MOVES[event.key]);
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
};

// A finding was chosen beside the film: its boxes are shown, and a new box is offered as one of them.
Viewer.prototype.choose = function ({ label, from }) {
  if (from === "viewer") return;
  this.pickedLabel = label;
  if (this.editor.selected && this.editor.selected.label !== label) this.editor.select(null);
  this.classButtons();
  this.draw();
};

// A letter typed into a comment is a letter, not a command; a switch or a choice takes no letters.
function typing(event) {
  const node = event.composedPath()[0];
  if (!(node instanceof HTMLElement)) return false;
  if (node.tagName === "INPUT") return !/^(checkbox|radio|button)$/.test(node.type);
  return node.isContentEditable || /^(TEXTAREA|SELECT)$/.test(node.tagName);
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".viewer");
  let viewer = viewers.get(root);
  if (!viewer) { viewer = new Viewer(root); viewers.set(root, viewer); }
  viewer.evidence.ask = (film) => setTriggerValue("explain", film); // anew each time: an earlier one may have died
  viewer.editor.send = (stroke) => setTriggerValue("edit", stroke);
  viewer.tellWindow = (seen) => setTriggerValue("window", seen);
  viewer.editor.undone = (what) => setTriggerValue("undo", what);
  viewer.update(data);
  return () => { viewer.stop(); viewers.delete(root); };
}
