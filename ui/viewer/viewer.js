// The viewer: one film, perhaps an earlier one beside it, boxes, and what a person can do with them. Data in: see
// ui/viewer/__init__.py; out: strokes (edit.js) and the wish to see where the models looked. The keys j, k, a, d, f, 1 to
// 9 and Enter belong to the page and to the findings, and are listed here because this is where a reader looks for them.

const viewers = new WeakMap();

const KEYS = [
  ["j / k", "next / previous study"],
  ["1 to 9", "choose a finding; Esc: none"],
  ["a / d", "agree / disagree: with the chosen finding, else with all flags"],
  ["f", "say that the chosen finding is there though it was not flagged"],
  ["Enter", "sign off"],
  ["n", "new box: draw it, then say what it is (Enter: one in the middle)"],
  ["drag, arrows", "move the film; a box that was taken by its edge or name moves itself, Shift and arrows resize it"],
  ["Delete / u", "delete the box / undo the last change"],
  ["b", "boxes on and off"],
  ["e", "where it looked: which regions raised or lowered a score"],
  ["c / x", "an earlier film beside this one / in its place, as long as you like"],
  ["i / m", "invert / magnifier"],
  ["w", "drag to window: sideways width, up and down level (right mouse button: always)"],
  ["v", "automatic window, and back to as read"],
  ["wheel, + / -", "zoom at the pointer"],
  ["r / z / ?", "reset zoom, window and inversion / full screen / this list"],
];

const DESCRIBE = { true: "on", false: "off" };

const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const set = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value); };

class Viewer {
  constructor(root) {
    this.root = root;
    this.evidence = new Evidence(this);
    this.q = (selector) => root.querySelector(selector);
    this.canvas = this.q("canvas");
    this.stage = this.q(".stage");
    this.boxesOn = true;
    this.mode = "pan";
    this.magnifying = false;
    this.pointer = null;
    this.pickedLabel = null;
    this.tellWindow = () => undefined;
    this.editor = new Editor(this);
    this.fresh();
    this.fillHelp();
    this.listen();
    root.editorBoxes = () => this.editor.boxes; // for whoever looks from outside: a canvas tells nothing
  }

  fresh() {
    this.window = { ...AS_READ };
    this.inverted = false;
    this.fitted = true;
    this.zoom = 1;
    this.offset = { x: 0, y: 0 };
  }

  fillHelp() {
    const list = this.q(".help dl");
    for (const [key, meaning] of KEYS) {
      const dt = document.createElement("dt");
      const dd = document.createElement("dd");
      dt.textContent = key;
      dd.textContent = meaning;
      list.append(dt, dd);
    }
  }

  update(data) {
    const changed = !this.data || this.data.film.url !== data.film.url;
    this.data = data;
    this.styles = Object.fromEntries(data.labels.map((label) => [label.name, label]));
    if (changed) this.begin();
    if (!data.other) this.comparing = this.flickering = false;
    this.editor.take(data, changed);
    // A label shows its boxes when it is flagged; a person's own choice on this film wins.
    if (!this.shownLabels) this.shownLabels = new Map();
    this.q(".corner.bl").textContent = data.film.synthetic ? "SYNTHETIC: a generated picture, no patient" : "";
    this.classButtons();
    this.evidence.update();
    this.load();
  }

  begin() {
    clearTimeout(this.resting);
    this.film = null;
    this.fresh();
    this.shownLabels = null;
    this.evidence.fresh();
    this.editor.fresh();
    this.comparing = this.flickering = false;
    this.pickedLabel = null;
  }

  async load() {
    const wanted = this.data.film;
    if (!this.film) this.message("Loading the film");
    this.mark();
    try {
      const film = await fetchFilm(wanted);
      if (this.data.film.url !== wanted.url) return;
      this.film = film;
      this.message("");
      this.draw();
      this.loadOther();
      for (const other of this.data.prefetch) fetchFilm(other).catch(() => undefined);
    } catch {
      this.message("The film could not be loaded. Press r to try again.");
    }
  }

  async loadOther() {
    const wanted = this.data.other;
    this.otherFilm = null;
    if (!wanted) return;
    try {
      const film = await fetchFilm(wanted);
      if (this.data.other?.url !== wanted.url) return;
      this.otherFilm = film;
    } catch {
      this.comparing = this.flickering = false;
    }
    this.draw();
  }

  message(text) { this.q(".message").textContent = text; }

  isShown(label) {
    const own = this.editor.shown.some((box) => box.label === label && (box.status || box.denied));
    return this.shownLabels.get(label) ?? (own || this.data.flagged.includes(label) || label === this.pickedLabel);
  }

  visibleBoxes() {
    if (!this.boxesOn) return [];
    // Under a map only its own finding's boxes: the others would cover it.
    if (this.evidence.on) return this.editor.shown.filter((box) => box.label === this.evidence.label);
    return this.editor.shown.filter((box) => this.isShown(box.label) || box === this.editor.selected);
  }

  classButtons() {
    const holder = this.q(".classes");
    holder.replaceChildren();
    for (const label of this.data.labels) {
      const count = this.editor.shown.filter((box) => box.label === label.name).length;
      const button = document.createElement("button");
      const line = document.createElement("i");
      line.style.borderTopColor = label.colour;
      if (label.dash.length) line.style.borderTopStyle = "dashed";
      button.append(line, label.name);
      button.dataset.label = label.name;
      button.disabled = count === 0;
      button.title = count ? `${count} box${count > 1 ? "es" : ""} of ${label.name}` : `no box of ${label.name}`;
      button.setAttribute("aria-pressed", String(count > 0 && this.isShown(label.name)));
      button.onclick = () => { this.shownLabels.set(label.name, !this.isShown(label.name)); this.boxesOn = true; this.classButtons(); this.draw(); };
      holder.append(button);
    }
  }

  // What a reader sees in figures, and what a test can read; written only where it changed, since a frame has no time.
  mark() {
    const { editor, data } = this;
    const seen = this.film ? this.visibleBoxes() : [];
    const other = Boolean(this.otherFilm);
    const facts = {
      film: data.film.id, ready: Boolean(this.film), boxes: seen.length, inverted: this.inverted, zoom: this.zoom.toFixed(3),
      centre: Math.round(this.window.centre), width: Math.round(this.window.width), mode: editor.drawing ? "draw" : this.mode,
      selected: editor.selected ? editor.selected.label : "", compare: other && this.comparing ? "beside" : other && this.flickering ? "swapped" : "",
      evidence: this.evidence.map ? this.evidence.label : "",
    };
    for (const [name, value] of Object.entries(facts)) if (this.root.dataset[name] !== String(value)) this.root.dataset[name] = String(value);
    const percent = (value) => Math.round((100 * value) / 65535);
    put(this.q(".corner.br"), this.film
      ? `zoom ${this.zoom.toFixed(1)}   level ${percent(this.window.centre)}%   width ${percent(this.window.width)}%${this.inverted ? "   INVERTED" : ""}`
      : "");
    this.captions(facts.compare);
    this.buttons();
    const names = seen.map((box) => (box.score === null ? `${box.label} yours` : `${box.label} ${box.score.toFixed(2)}`)).join(", ");
    set(this.canvas, "aria-label", `Film ${data.film.caption}. Boxes ${DESCRIBE[this.boxesOn]}: ${names || "none"}.${facts.evidence ? ` Where it looked: ${facts.evidence}.` : ""}`);
  }

  // An earlier film is never mistaken for the one under review: both say which they are.
  captions(compare) {
    const { film, other } = this.data;
    const earlier = other ? `EARLIER: ${other.caption}` : "";
    put(this.q(".corner.tl"), compare === "swapped" ? earlier : compare ? `THIS FILM: ${film.caption}` : film.caption);
    put(this.q(".corner.tr"), compare === "beside" ? earlier : "");
    this.stage.classList.toggle("earlier", compare === "swapped");
  }

  buttons() {
    const { editor, data } = this;
    const pressed = {
      boxes: this.boxesOn, evidence: this.evidence.on, invert: this.inverted, window: this.mode === "window", magnify: this.magnifying,
      newbox: editor.drawing, compare: this.comparing, flicker: this.flickering,
    };
    for (const [name, on] of Object.entries(pressed)) set(this.q(`[data-do="${name}"]`), "aria-pressed", String(Boolean(on)));
    this.q('[data-do="delete"]').disabled = !editor.selected;
    this.q('[data-do="undo"]').disabled = !data.undo;
    for (const name of ["compare", "flicker"]) this.q(`[data-do="${name}"]`).hidden = !data.other;
    this.stage.classList.toggle("windowing", this.mode === "window");
    this.stage.classList.toggle("magnifying", this.magnifying);
    this.stage.classList.toggle("drawing", editor.drawing);
  }

  // ---- what a person can do ----

  do(what) {
    const acts = {
      boxes: () => { this.boxesOn = !this.boxesOn; },
      evidence: () => this.evidence.toggle(),
      newbox: () => this.editor.draw(),
      delete: () => this.editor.remove(),
      undo: () => { if (this.data.undo) this.editor.undo(); },
      compare: () => { if (this.data.other) { this.comparing = !this.comparing; this.flickering = false; } },
      flicker: () => { if (this.data.other) { this.flickering = !this.flickering; this.comparing = false; } },
      invert: () => { this.inverted = !this.inverted; this.windowed(); },
      window: () => { this.mode = this.mode === "window" ? "pan" : "window"; },
      magnify: () => { this.magnifying = !this.magnifying; },
      auto: () => this.autoWindow(),
      reset: () => { this.fresh(); this.windowed(); if (!this.film) this.load(); },
      larger: () => this.zoomAt(this.middle(), 1.25),
      smaller: () => this.zoomAt(this.middle(), 0.8),
      help: () => { const help = this.q(".help"); help.hidden = !help.hidden; },
      full: () => (document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen()),
    };
    acts[what]();
    this.draw();
  }

  autoWindow() {
    if (!this.film) return;
    const { low, high } = this.film.span;
    const auto = { centre: (low + high) / 2, width: Math.max(256, high - low) };
    this.window = this.window.centre === auto.centre ? { ...AS_READ } : auto;
    this.windowed();
  }

  middle() { return { x: this.stage.clientWidth / 2, y: this.stage.clientHeight / 2 }; }

  move(x, y) { this.offset = { x: this.offset.x + x, y: this.offset.y + y }; this.draw(); }

  dragWindow(dx, dy) {
    const step = 65535 / 700; // the whole range in 700 screen pixels
    this.window.width = Math.min(131070, Math.max(256, this.window.width + dx * step));
    this.window.centre = Math.min(65535, Math.max(0, this.window.centre + dy * step));
    this.windowed();
    this.draw();
  }

  // An exported picture shows the film as the reader left it; told when the hand rests, for it costs a round trip.
  windowed() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      const { centre, width } = this.window;
      this.tellWindow({ film: this.data.film.id, low: (centre - width / 2) / 65535, high: (centre + width / 2) / 65535, inverted: this.inverted });
    }, 800);
  }
}
