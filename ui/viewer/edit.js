// Boxes by hand: take hold of one by its edge or its name, move it, pull its handles, delete it; draw a new one and say
// what it is. The reader's boxes live here until the server has kept them; every finished stroke is sent whole, with the
// time of its making, so that an older answer never takes a newer stroke back. Own code rather than a canvas library:
// boxes are upright rectangles with eight handles, and the film below them is drawn by us anyway.

const GRIP = 9; // screen pixels around a handle
const EDGE = 6; // and on both sides of an edge
const SLIP = 8; // a new box smaller than this was a click

class Editor {
  constructor(viewer) {
    this.viewer = viewer;
    this.boxes = [];
    this.send = () => undefined;
    this.undone = () => undefined;
    this.fresh();
  }

  fresh() {
    this.selected = null;
    this.drawing = false; // the next drag is a new box
    this.rubber = null; // [x1, y1, x2, y2] in film pixels, while it is drawn and until it has a name
    this.drag = null;
    this.sent = 0;
    this.close();
  }

  // What the server knows; older than what was sent last, it is not taken.
  take(data, changed) {
    if (!changed && data.seq < this.sent) return;
    if (this.drag || this.waiting) return;
    const was = this.selected;
    this.boxes = data.boxes.map((box) => ({ ...box, box: [...box.box] }));
    const near = (box) => was && box.label === was.label && box.box.every((v, i) => Math.abs(v - was.box[i]) < 0.2);
    this.selected = this.boxes.find(near) ?? null;
  }

  get shown() { return this.boxes.filter((box) => box.status !== "gone"); }

  // ---- sending ----

  keep() {
    clearTimeout(this.waiting);
    this.waiting = 0;
    this.sent = Date.now();
    const told = (box) => (box.status === "gone" ? { id: box.id, gone: true } : { id: box.id, label: box.label, box: box.box });
    this.send({ film: this.viewer.data.film.id, seq: this.sent, places: this.boxes.filter((box) => box.status).map(told) });
    this.viewer.classButtons();
    this.viewer.draw();
  }

  keepSoon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.keep(), 500);
    this.viewer.draw();
  }

  undo() {
    if (this.waiting) this.keep();
    this.sent = 0;
    this.undone({ film: this.viewer.data.film.id, seq: Date.now() });
  }

  // ---- mouse ----

  // What lies below a point: {box, handle} with a handle's number, "move", or nothing.
  below(point) {
    const { viewer } = this;
    const view = viewer.view();
    const visible = viewer.visibleBoxes().filter((box) => !box.fixed);
    if (this.selected && visible.includes(this.selected)) {
      const r = toScreen(this.selected.box, viewer.film, view);
      const handle = HANDLES.findIndex((item) => { const at = handleAt(r, item); return Math.abs(at.x - point.x) <= GRIP && Math.abs(at.y - point.y) <= GRIP; });
      if (handle >= 0) return { box: this.selected, handle };
      if (inside(r, point, 0)) return { box: this.selected, handle: "move" };
    }
    for (const box of [...visible].reverse()) {
      const r = toScreen(box.box, viewer.film, view);
      const onEdge = inside(r, point, EDGE) && !inside(r, point, -EDGE);
      if (onEdge || (box.chip && inside(box.chip, point, 0))) return { box, handle: "move" };
    }
    return null;
  }

  // Whether the editor takes this press; the film is moved otherwise.
  down(point) {
    const { viewer } = this;
    if (!viewer.film || this.picking) return Boolean(this.picking);
    const at = toFilm(point, viewer.film, viewer.view());
    if (this.drawing) {
      this.rubber = [at.x, at.y, at.x, at.y];
      this.drag = { handle: "draw" };
      return true;
    }
    const hit = this.below(point);
    this.select(hit ? hit.box : null);
    if (!hit) return false;
    this.drag = { handle: hit.handle, from: at, was: [...hit.box.box], moved: false };
    return true;
  }

  moveTo(point) {
    const { viewer, drag } = this;
    const at = toFilm(point, viewer.film, viewer.view());
    const { width, height } = viewer.data.film;
    at.x = clamp(at.x, 0, width);
    at.y = clamp(at.y, 0, height);
    if (drag.handle === "draw") {
      this.rubber = [this.rubber[0], this.rubber[1], at.x, at.y];
    } else {
      drag.moved = true;
      this.selected.box = changed(drag.was, drag.handle, at.x - drag.from.x, at.y - drag.from.y, width, height);
    }
    viewer.draw();
  }

  up() {
    const { drag, viewer } = this;
    this.drag = null;
    if (drag.handle === "draw") {
      const r = toScreen(upright(this.rubber), viewer.film, viewer.view());
      if (r.w < SLIP || r.h < SLIP) { this.rubber = null; viewer.draw(); return; }
      this.rubber = upright(this.rubber);
      this.pick();
    } else if (drag.moved) this.changedOne(this.selected);
  }

  changedOne(box) {
    box.box = upright(box.box);
    box.status = box.score === null ? "added" : "agree";
    this.keep();
  }

  cursor(point) {
    if (this.drawing) return "crosshair";
    const hit = this.viewer.film ? this.below(point) : null;
    if (!hit) return "";
    return hit.handle === "move" ? "move" : CURSORS[hit.handle];
  }

  // ---- a new box ----

  draw() {
    this.drawing = !this.drawing;
    this.rubber = null;
    if (this.drawing) { this.select(null); this.viewer.boxesOn = true; }
    this.viewer.draw();
  }

  // Without a mouse: a box in the middle, which the arrow keys then move.
  drawInTheMiddle() {
    const { viewer } = this;
    const { width, height } = viewer.data.film;
    this.rubber = [width * 0.4, height * 0.4, width * 0.6, height * 0.6];
    this.pick();
  }

  // Ask what it is.
  pick() {
    const { viewer } = this;
    this.picking = true;
    const node = viewer.q(".picker");
    const names = viewer.data.labels.filter((label) => !label.foreign);
    node.querySelector(".names").replaceChildren(...names.map((label, index) => {
      const button = document.createElement("button");
      const key = document.createElement("kbd");
      const mark = document.createElement("i");
      mark.style.borderTopColor = label.colour;
      if (label.dash.length) mark.style.borderTopStyle = "dashed";
      key.textContent = String(index + 1);
      button.append(mark, label.name, key);
      button.onclick = () => this.named(label.name);
      return button;
    }));
    const r = toScreen(upright(this.rubber), viewer.film, viewer.view());
    node.hidden = false;
    const [w, h] = [viewer.stage.clientWidth - node.offsetWidth - 8, viewer.stage.clientHeight - node.offsetHeight - 8];
    node.style.left = `${clamp(r.x + r.w + 8, 4, Math.max(4, w))}px`;
    node.style.top = `${clamp(r.y, 4, Math.max(4, h))}px`;
    const wanted = names.findIndex((label) => label.name === viewer.pickedLabel);
    node.querySelectorAll("button")[Math.max(0, wanted)].focus({ preventScroll: true });
    viewer.draw();
  }

  named(label) {
    const box = { id: `t${Date.now()}`, label, score: null, flagged: true, status: "added", box: upright(this.rubber) };
    this.boxes.push(box);
    this.close();
    this.drawing = false;
    this.viewer.shownLabels.set(label, true);
    this.select(box);
    this.viewer.canvas.focus({ preventScroll: true });
    this.keep();
  }

  close() {
    this.picking = false;
    this.rubber = null;
    const node = this.viewer.root.querySelector(".picker");
    if (node) node.hidden = true;
  }

  // ---- the selected box ----

  select(box) {
    if (this.selected === box) return;
    if (this.waiting) this.keep();
    this.selected = box;
    if (box) document.dispatchEvent(new CustomEvent("cxr-select", { detail: { label: box.label, from: "viewer" } }));
    this.viewer.draw();
  }

  remove() {
    const box = this.selected;
    if (!box) return;
    if (box.score === null) this.boxes = this.boxes.filter((other) => other !== box);
    else box.status = "gone";
    this.selected = null;
    this.keep();
  }

  nudge(dx, dy, resize) {
    const { viewer, selected } = this;
    const step = Math.max(1, 2 / viewer.view().scale);
    const { width, height } = viewer.data.film;
    selected.box = upright(changed(selected.box, resize ? 4 : "move", dx * step, dy * step, width, height));
    selected.status = selected.score === null ? "added" : "agree";
    this.keepSoon();
  }

  // Whether the editor takes this key; called before anybody else on the page hears of it.
  key(event) {
    if (event.key === "Escape" && (this.picking || this.drawing || this.selected)) {
      this.close();
      this.drawing = false;
      this.select(null);
      this.viewer.draw();
      return true;
    }
    if (this.picking) {
      const names = this.viewer.data.labels.filter((label) => !label.foreign);
      const chosen = names[Number(event.key) - 1];
      if (chosen) this.named(chosen.name);
      return Boolean(chosen) || event.key.length === 1;
    }
    if (this.drawing && event.key === "Enter") { this.drawInTheMiddle(); return true; }
    if (!this.selected) return false;
    if (event.key === "Delete" || event.key === "Backspace") { this.remove(); return true; }
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (arrow) this.nudge(...arrow, event.shiftKey);
    return Boolean(arrow);
  }
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const upright = ([x1, y1, x2, y2]) => [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
const inside = (r, point, margin) => point.x >= r.x - margin && point.x <= r.x + r.w + margin && point.y >= r.y - margin && point.y <= r.y + r.h + margin;

// A box after a drag by (dx, dy) film pixels; moving keeps its size, handles move its edges, both end at the film's edge.
function changed([x1, y1, x2, y2], handle, dx, dy, width, height) {
  if (handle === "move") {
    const mx = clamp(dx, -x1, width - x2);
    const my = clamp(dy, -y1, height - y2);
    return [x1 + mx, y1 + my, x2 + mx, y2 + my];
  }
  const [hx, hy] = HANDLES[handle];
  return [
    hx < 0 ? clamp(x1 + dx, 0, width) : x1, hy < 0 ? clamp(y1 + dy, 0, height) : y1,
    hx > 0 ? clamp(x2 + dx, 0, width) : x2, hy > 0 ? clamp(y2 + dy, 0, height) : y2,
  ];
}
