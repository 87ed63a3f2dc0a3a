// Where a score comes from, drawn over the film in screen pixels: orange where the film raised it, blue stripes where it
// lowered it, so that colour is never alone. Strength is opacity, on one scale for all films and labels: nothing is
// stretched to the strongest place, weak evidence stays faint. No part of this file knows the mouse.

const RAISED = [255, 140, 26];
const LOWERED = [86, 156, 255];
const STRONGEST = 0.62; // even there the film is seen through it
const LEAST = 0.05; // below this share of the scale a place is left blank: it would only tint the whole film

// A map as it travels: red holds what raised, green what lowered, 0 to 255 for none to the scale's end.
async function decodeEvidence(address) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  const context = blank(picture.width, picture.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const rgba = context.getImageData(0, 0, picture.width, picture.height);
  return { raised: layer(rgba, 0, RAISED), lowered: layer(rgba, 1, LOWERED) };
}

function layer(rgba, channel, colour) {
  const canvas = blank(rgba.width, rgba.height);
  const out = new ImageData(rgba.width, rgba.height);
  for (let i = 0; i < rgba.data.length; i += 4) {
    const strength = Math.max(0, (rgba.data[i + channel] / 255 - LEAST) / (1 - LEAST));
    out.data.set([...colour, Math.round(255 * STRONGEST * strength)], i);
  }
  canvas.getContext("2d").putImageData(out, 0, 0);
  return canvas;
}

function drawEvidence(context, map, film, view, stage) {
  const place = [view.x, view.y, film.width * view.scale, film.height * view.scale];
  context.save();
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(map.raised, ...place);
  context.restore();
  const striped = blank(Math.max(1, stage.clientWidth), Math.max(1, stage.clientHeight));
  const inside = striped.getContext("2d");
  inside.drawImage(map.lowered, ...place);
  inside.globalCompositeOperation = "destination-in";
  inside.fillStyle = inside.createPattern(stripes(), "repeat");
  inside.fillRect(0, 0, striped.width, striped.height);
  context.drawImage(striped, 0, 0, stage.clientWidth, stage.clientHeight);
}

let stripe = null;
function stripes() {
  if (stripe) return stripe;
  stripe = blank(8, 8);
  const context = stripe.getContext("2d");
  context.strokeStyle = "#000";
  context.lineWidth = 3;
  for (const x of [-8, 0, 8]) { context.beginPath(); context.moveTo(x, 8); context.lineTo(x + 8, 0); context.stroke(); }
  return stripe;
}

// ---- the row above the film, in the place of the boxes' row: which finding, what the colours mean, what this is not ----

const NOT_AN_OUTLINE = "Shows which regions raised or lowered this score. Not an outline of disease.";

class Evidence {
  constructor(viewer) {
    this.viewer = viewer;
    this.ask = () => undefined;
    this.fresh();
  }

  fresh() {
    this.on = false;
    this.label = null;
    this.decoded = new Map();
  }

  get facts() { return this.viewer.data.evidence; }

  get map() { return this.on ? this.decoded.get(this.label) : undefined; }

  toggle() {
    if (!this.facts.labels.length) return;
    this.on = !this.on;
    if (this.on && !this.facts.maps && !this.facts.trouble) this.ask(this.viewer.data.film.id);
    this.update();
  }

  // New facts from the server, or another label chosen.
  async update() {
    this.label = this.label ?? this.facts.first;
    this.draw();
    const found = this.on && this.facts.maps ? this.facts.maps[this.label] : null;
    if (!found || this.decoded.has(this.label)) { this.viewer.draw(); return; }
    const { label, decoded } = this;
    decoded.set(label, await decodeEvidence(found.picture));
    this.viewer.draw();
  }

  draw() {
    const { viewer, facts } = this;
    const button = viewer.q('[data-do="evidence"]');
    button.disabled = !facts.labels.length;
    button.title = facts.labels.length ? "which regions raised or lowered a score" : facts.why;
    const row = viewer.q(".evidence");
    row.hidden = !this.on;
    viewer.q(".classes").hidden = this.on; // the boxes are then those of the finding shown
    if (!this.on) return;
    viewer.q(".evidence .names").replaceChildren(...facts.labels.map((label) => this.button(label)));
    viewer.q(".evidence .words").textContent = this.words();
    viewer.q(".evidence .legend").hidden = !facts.maps;
  }

  button(label) {
    const button = document.createElement("button");
    button.textContent = label;
    button.dataset.evidence = label;
    button.setAttribute("aria-pressed", String(label === this.label));
    button.onclick = () => { this.label = label; this.update(); this.viewer.q(`[data-evidence="${label}"]`).focus(); };
    return button;
  }

  words() {
    if (this.facts.trouble) return this.facts.trouble;
    if (!this.facts.maps) return "Working out where the models looked";
    return `${NOT_AN_OUTLINE} ${this.facts.maps[this.label].words}`;
  }
}
