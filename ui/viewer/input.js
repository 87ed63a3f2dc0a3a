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
  document.addEventListener("keydown", this.keys);
  this.sizes = new ResizeObserver(() => this.draw());
  this.sizes.observe(this.stage);
};

Viewer.prototype.stop = function () {
  document.removeEventListener("keydown", this.keys);
  this.sizes.disconnect();
};

Viewer.prototype.at = function (event) {
  const frame = this.canvas.getBoundingClientRect();
  return { x: event.clientX - frame.left, y: event.clientY - frame.top };
};

Viewer.prototype.listenPointer = function () {
  const fingers = new Map();
  let windowing = false;
  let spread = 0;
  const apart = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
  this.canvas.addEventListener("pointerdown", (event) => {
    this.canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, this.at(event));
    windowing = event.button === 2 || this.mode === "window";
    if (fingers.size === 2) spread = apart();
  });
  this.canvas.addEventListener("pointermove", (event) => {
    const now = this.at(event);
    this.pointer = now;
    const before = fingers.get(event.pointerId);
    if (!before) { if (this.magnifying) this.draw(); return; }
    fingers.set(event.pointerId, now);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()];
      this.zoomAt({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, apart() / spread);
      spread = apart();
    } else if (windowing) this.dragWindow(now.x - before.x, now.y - before.y);
    else this.move(now.x - before.x, now.y - before.y);
  });
  const up = (event) => fingers.delete(event.pointerId);
  this.canvas.addEventListener("pointerup", up);
  this.canvas.addEventListener("pointercancel", up);
  this.canvas.addEventListener("pointerleave", () => { if (!fingers.size) { this.pointer = null; this.draw(); } });
};

const KEY_ACTS = { b: "boxes", e: "evidence", i: "invert", w: "window", v: "auto", m: "magnify", r: "reset", "+": "larger", "=": "larger", "-": "smaller", "?": "help", z: "full" };
const KEY_MOVES = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };

Viewer.prototype.key = function (event) {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
  if (event.key === "Escape") { this.q(".help").hidden = true; return; }
  if (KEY_ACTS[event.key]) this.do(KEY_ACTS[event.key]);
  else if (KEY_MOVES[event.key] && this.root.contains(event.composedPath()[0])) this.move(...KEY_MOVES[event.key]);
  else return;
  event.preventDefault();
};

// A letter typed into a comment is a letter, not a command.
function typing(event) {
  const node = event.composedPath()[0];
  return node instanceof HTMLElement && (node.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName));
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".viewer");
  let viewer = viewers.get(root);
  if (!viewer) { viewer = new Viewer(root); viewers.set(root, viewer); }
  viewer.evidence.ask = (film) => setTriggerValue("explain", film); // anew each time: an earlier one may have died
  viewer.update(data);
  return () => { viewer.stop(); viewers.delete(root); };
}
