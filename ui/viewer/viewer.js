// The viewer: one film, its boxes, what a person can do with them. Data in: see ui/viewer/__init__.py; nothing out. The
// keys j, k, a, d belong to the page's own buttons and are listed here because this is where a reader looks for them.

const viewers = new WeakMap();

const KEYS = [
  ["j / k", "next / previous study in worklist order"],
  ["b", "boxes on and off"],
  ["e", "where it looked: which regions raised or lowered a score, on and off"],
  ["i", "invert"],
  ["w", "drag to window: sideways width, up and down level (right mouse button: always)"],
  ["v", "automatic window, and back to as read"],
  ["m", "magnifier"],
  ["r", "reset zoom, window and inversion"],
  ["wheel, + / -", "zoom at the pointer"],
  ["drag, arrows", "move the film"],
  ["a / d", "agree / disagree with the flags"],
  ["z", "full screen"],
  ["?", "this list"],
];

const DESCRIBE = { true: "on", false: "off" };

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
    this.fresh();
    this.fillHelp();
    this.listen();
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
    if (changed) { this.film = null; this.fresh(); this.shownLabels = null; this.evidence.fresh(); }
    // A label shows its boxes when it is flagged; a person's own choice on this film wins.
    if (!this.shownLabels) this.shownLabels = new Map();
    this.q(".corner.tl").textContent = data.film.caption;
    this.q(".corner.bl").textContent = data.film.synthetic ? "SYNTHETIC: a generated picture, no patient" : "";
    this.classButtons();
    this.evidence.update();
    this.load();
  }

  async load() {
    const wanted = this.data.film;
    this.message("Loading the film");
    this.mark();
    try {
      const film = await fetchFilm(wanted);
      if (this.data.film.url !== wanted.url) return;
      this.film = film;
      this.message("");
      this.draw();
      for (const other of this.data.prefetch) fetchFilm(other).catch(() => undefined);
    } catch {
      this.message("The film could not be loaded. Press r to try again.");
    }
  }

  message(text) { this.q(".message").textContent = text; }

  isShown(label) { return this.shownLabels.get(label) ?? this.data.flagged.includes(label); }

  visibleBoxes() {
    if (!this.boxesOn) return [];
    // Under a map only its own finding's boxes: the others would cover it.
    if (this.evidence.on) return this.data.boxes.filter((box) => box.label === this.evidence.label);
    return this.data.boxes.filter((box) => this.isShown(box.label));
  }

  classButtons() {
    const holder = this.q(".classes");
    holder.replaceChildren();
    for (const label of this.data.labels) {
      const count = this.data.boxes.filter((box) => box.label === label.name).length;
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

  // ---- geometry: film pixels to stage pixels ----

  fitScale() {
    const { clientWidth, clientHeight } = this.stage;
    return Math.min(clientWidth / this.film.width, clientHeight / this.film.height);
  }

  view() {
    const scale = this.fitScale() * this.zoom;
    return {
      scale,
      x: this.stage.clientWidth / 2 + this.offset.x - (this.film.width * scale) / 2,
      y: this.stage.clientHeight / 2 + this.offset.y - (this.film.height * scale) / 2,
      imageWidth: this.data.film.width,
      imageHeight: this.data.film.height,
    };
  }

  zoomAt(point, factor) {
    if (!this.film) return;
    const zoom = Math.min(24, Math.max(0.5, this.zoom * factor));
    const ratio = zoom / this.zoom;
    const centre = { x: point.x - this.stage.clientWidth / 2, y: point.y - this.stage.clientHeight / 2 };
    this.offset = { x: centre.x - (centre.x - this.offset.x) * ratio, y: centre.y - (centre.y - this.offset.y) * ratio };
    this.zoom = zoom;
    this.draw();
  }

  // ---- drawing ----

  draw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => { this.pending = 0; this.paint(); });
  }

  paint() {
    const { canvas, stage, film } = this;
    if (!film || !stage.clientWidth) return;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(stage.clientWidth * ratio), Math.round(stage.clientHeight * ratio)];
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
    applyWindow(film, this.window, this.inverted);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, stage.clientWidth, stage.clientHeight);
    const view = this.view();
    context.imageSmoothingEnabled = view.scale * ratio < 4;
    context.imageSmoothingQuality = "high";
    context.drawImage(film.canvas, view.x, view.y, film.width * view.scale, film.height * view.scale);
    if (this.magnifying && this.pointer) this.paintLens(context, view);
    else {
      if (this.evidence.map) drawEvidence(context, this.evidence.map, film, view, stage);
      drawBoxes(context, this.visibleBoxes(), this.data.labels, film, view);
    }
    this.mark();
  }

  paintLens(context, view) {
    const { x, y } = this.pointer;
    const radius = Math.min(150, this.stage.clientHeight / 3);
    const scale = Math.max(view.scale * 2.5, 1);
    context.save();
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.clip();
    context.fillStyle = "#000";
    context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    const at = { x: (x - view.x) / view.scale, y: (y - view.y) / view.scale };
    context.drawImage(this.film.canvas, x - at.x * scale, y - at.y * scale, this.film.width * scale, this.film.height * scale);
    context.restore();
    context.strokeStyle = "#8d97a3";
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }

  // What a reader sees in figures, and what a test can read.
  mark() {
    const set = this.root.dataset;
    set.film = this.data.film.id;
    set.ready = String(Boolean(this.film));
    set.boxes = String(this.film ? this.visibleBoxes().length : 0);
    set.inverted = String(this.inverted);
    set.zoom = this.zoom.toFixed(3);
    set.centre = String(Math.round(this.window.centre));
    set.width = String(Math.round(this.window.width));
    set.mode = this.mode;
    set.evidence = this.evidence.map ? this.evidence.label : "";
    const percent = (value) => Math.round((100 * value) / 65535);
    this.q(".corner.br").textContent = this.film
      ? `zoom ${this.zoom.toFixed(1)}   level ${percent(this.window.centre)}%   width ${percent(this.window.width)}%${this.inverted ? "   INVERTED" : ""}`
      : "";
    const pressed = { boxes: this.boxesOn, evidence: this.evidence.on, invert: this.inverted, window: this.mode === "window", magnify: this.magnifying };
    for (const [name, on] of Object.entries(pressed)) this.q(`[data-do="${name}"]`).setAttribute("aria-pressed", String(on));
    this.stage.classList.toggle("windowing", this.mode === "window");
    this.stage.classList.toggle("magnifying", this.magnifying);
    const seen = this.film ? this.visibleBoxes().map((box) => `${box.label} ${box.score.toFixed(2)}`).join(", ") : "";
    this.canvas.setAttribute("aria-label", `Film ${this.data.film.caption}. Boxes ${DESCRIBE[this.boxesOn]}: ${seen || "none"}.${set.evidence ? ` Where it looked: ${set.evidence}.` : ""}`);
  }

  // ---- what a person can do ----

  do(what) {
    const acts = {
      boxes: () => { this.boxesOn = !this.boxesOn; },
      evidence: () => this.evidence.toggle(),
      invert: () => { this.inverted = !this.inverted; },
      window: () => { this.mode = this.mode === "window" ? "pan" : "window"; },
      magnify: () => { this.magnifying = !this.magnifying; },
      auto: () => this.autoWindow(),
      reset: () => { this.fresh(); if (!this.film) this.load(); },
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
  }

  middle() { return { x: this.stage.clientWidth / 2, y: this.stage.clientHeight / 2 }; }

  move(x, y) { this.offset = { x: this.offset.x + x, y: this.offset.y + y }; this.draw(); }

  dragWindow(dx, dy) {
    const step = 65535 / 700; // the whole range in 700 screen pixels
    this.window.width = Math.min(131070, Math.max(256, this.window.width + dx * step));
    this.window.centre = Math.min(65535, Math.max(0, this.window.centre + dy * step));
    this.draw();
  }
}
