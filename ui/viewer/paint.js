// Where things lie on the stage, and drawing them there: panes, films, boxes, the lens. No part of this file knows keys.

// ---- geometry: film pixels to stage pixels ----

// The parts of the stage, each with its film: the film under review first, an earlier one to the right of it.
Viewer.prototype.panes = function () {
  const [w, h] = [this.stage.clientWidth, this.stage.clientHeight];
  const earlier = this.otherFilm && this.data.other;
  if (this.comparing && earlier) {
    const half = Math.floor(w / 2) - 1;
    return [
      { film: this.film, x: 0, y: 0, w: half, h, facts: this.data.film, own: true },
      { film: this.otherFilm, x: half + 2, y: 0, w: w - half - 2, h, facts: this.data.other },
    ];
  }
  if (this.flickering && earlier) return [{ film: this.otherFilm, x: 0, y: 0, w, h, facts: this.data.other }];
  return [{ film: this.film, x: 0, y: 0, w, h, facts: this.data.film, own: true }];
};

Viewer.prototype.paneAt = function (point) {
  const panes = this.panes();
  return panes.find((pane) => point.x >= pane.x && point.x < pane.x + pane.w) ?? panes[0];
};

Viewer.prototype.view = function (pane = this.panes()[0]) {
  const { film, facts } = pane;
  const scale = Math.min(pane.w / film.width, pane.h / film.height) * this.zoom;
  return {
    scale,
    x: pane.x + pane.w / 2 + this.offset.x - (film.width * scale) / 2,
    y: pane.y + pane.h / 2 + this.offset.y - (film.height * scale) / 2,
    imageWidth: facts.width,
    imageHeight: facts.height,
  };
};

Viewer.prototype.zoomAt = function (point, factor) {
  if (!this.film) return;
  const pane = this.paneAt(point);
  const zoom = Math.min(24, Math.max(0.5, this.zoom * factor));
  const ratio = zoom / this.zoom;
  const centre = { x: point.x - pane.x - pane.w / 2, y: point.y - pane.y - pane.h / 2 };
  this.offset = { x: centre.x - (centre.x - this.offset.x) * ratio, y: centre.y - (centre.y - this.offset.y) * ratio };
  this.zoom = zoom;
  this.draw();
};

// ---- drawing ----

Viewer.prototype.draw = function () {
  if (this.pending) return;
  this.pending = requestAnimationFrame(() => { this.pending = 0; this.paint(); });
};

Viewer.prototype.paint = function () {
  const { canvas, stage, film } = this;
  if (!film || !stage.clientWidth) return;
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(stage.clientWidth * ratio), Math.round(stage.clientHeight * ratio)];
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, stage.clientWidth, stage.clientHeight);
  for (const pane of this.panes()) this.paintPane(context, pane, ratio);
  if (this.magnifying && this.pointer) this.paintLens(context, ratio);
  this.mark();
};

Viewer.prototype.paintPane = function (context, pane, ratio) {
  const view = this.view(pane);
  drawFilm(context, pane.film, view, pane, ratio, this.window, this.inverted);
  if (!pane.own || (this.magnifying && this.pointer)) return;
  context.save();
  context.beginPath();
  context.rect(pane.x, pane.y, pane.w, pane.h);
  context.clip();
  if (this.evidence.map) drawEvidence(context, this.evidence.map, pane.film, view, this.stage);
  drawBoxes(context, this.visibleBoxes(), this.styles, pane.film, view, this.editor.selected);
  if (this.editor.rubber) this.paintRubber(context, toScreen(upright(this.editor.rubber), pane.film, view));
  context.restore();
};

Viewer.prototype.paintRubber = function (context, r) {
  context.setLineDash([5, 4]);
  context.lineWidth = 2;
  context.strokeStyle = "#ffffff";
  context.strokeRect(r.x, r.y, r.w, r.h);
  context.setLineDash([]);
};

Viewer.prototype.paintLens = function (context, ratio) {
  const { x, y } = this.pointer;
  const pane = this.paneAt(this.pointer);
  const view = this.view(pane);
  const radius = Math.min(150, this.stage.clientHeight / 3);
  const scale = Math.max(view.scale * 2.5, 1);
  const at = { x: (x - view.x) / view.scale, y: (y - view.y) / view.scale };
  const clip = { x: x - radius, y: y - radius, w: 2 * radius, h: 2 * radius };
  context.save();
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.clip();
  context.fillStyle = "#000";
  context.fillRect(clip.x, clip.y, clip.w, clip.h);
  drawFilm(context, pane.film, { x: x - at.x * scale, y: y - at.y * scale, scale }, clip, ratio, this.window, this.inverted);
  context.restore();
  context.strokeStyle = "#8d97a3";
  context.lineWidth = 1;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
};
