// Boxes and their labels, drawn in screen pixels over the film: colour, dash pattern, name and score, on a dark halo so
// that they stand out on bone as on lung. No part of this file knows the mouse.

const toScreen = (box, film, view) => {
  const sx = view.scale * (film.width / view.imageWidth);
  const sy = view.scale * (film.height / view.imageHeight);
  return { x: view.x + box[0] * sx, y: view.y + box[1] * sy, w: (box[2] - box[0]) * sx, h: (box[3] - box[1]) * sy };
};

const toFilm = (point, film, view) => ({
  x: (point.x - view.x) / (view.scale * (film.width / view.imageWidth)),
  y: (point.y - view.y) / (view.scale * (film.height / view.imageHeight)),
});

const overlaps = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

const view_font = '"Source Sans", "Segoe UI", Arial, sans-serif';

// Where each chip was drawn is kept with its box: a reader takes hold of a box by its name too.
function drawBoxes(context, boxes, styles, film, view, selected) {
  const placed = [];
  const rank = (box) => 2 * (box === selected) + box.flagged;
  const strong = [...boxes].sort((a, b) => rank(a) - rank(b) || (a.score ?? 1) - (b.score ?? 1));
  for (const box of strong) strokeBox(context, box, styles[box.label], toScreen(box.box, film, view), box === selected);
  for (const box of [...strong].reverse()) nameBox(context, box, styles[box.label], toScreen(box.box, film, view), placed);
  if (selected && boxes.includes(selected)) drawHandles(context, toScreen(selected.box, film, view));
}

function strokeBox(context, box, style, r, selected) {
  context.save();
  context.lineJoin = "miter";
  context.setLineDash([]);
  context.strokeStyle = "rgba(0, 0, 0, 0.65)";
  context.lineWidth = box.flagged ? 5 : 3.5;
  context.strokeRect(r.x, r.y, r.w, r.h);
  context.setLineDash(style.dash);
  context.strokeStyle = style.colour;
  context.lineWidth = selected ? 3.5 : box.flagged ? 2.5 : 1.25;
  context.strokeRect(r.x, r.y, r.w, r.h);
  context.restore();
}

const WHOSE = { agree: ", yours", added: ", yours" };

function boxText(box) {
  if (box.score === null) return `${box.label}, yours`;
  if (box.denied) return `${box.label}: you disagree`;
  return `${box.label}, place ${box.score.toFixed(2)}${WHOSE[box.status] ?? (box.flagged ? "" : " (not flagged)")}`;
}

function nameBox(context, box, style, r, placed) {
  const text = boxText(box);
  context.save();
  context.font = `${box.flagged ? 600 : 400} 13px ${view_font}`;
  const width = context.measureText(text).width + 24;
  const chip = { x: r.x, y: r.y - 23, w: width, h: 20 };
  if (chip.y < 2) chip.y = Math.max(2, r.y + 3);
  for (let tries = 0; tries < 24 && placed.some((other) => overlaps(chip, other)); tries += 1) chip.y += 21;
  placed.push(chip);
  box.chip = chip;
  context.fillStyle = "rgba(8, 10, 12, 0.82)";
  context.fillRect(chip.x, chip.y, chip.w, chip.h);
  context.fillStyle = style.colour;
  context.fillRect(chip.x + 5, chip.y + 5, 10, 10);
  if (style.name === "COVID-19") { context.strokeStyle = "#101418"; context.setLineDash([2, 2]); context.strokeRect(chip.x + 6, chip.y + 6, 8, 8); }
  context.fillStyle = box.flagged ? "#ffffff" : "#c3c9d1";
  context.textBaseline = "middle";
  context.fillText(text, chip.x + 19, chip.y + 10.5);
  context.restore();
}

// The eight handles of a box: which edges they move (-1 left or top, 1 right or bottom), and where they are.
const HANDLES = [[-1, -1], [0, -1], [1, -1], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0]];
const CURSORS = ["nwse-resize", "ns-resize", "nesw-resize", "ew-resize", "nwse-resize", "ns-resize", "nesw-resize", "ew-resize"];
const handleAt = (r, [hx, hy]) => ({ x: r.x + (r.w * (hx + 1)) / 2, y: r.y + (r.h * (hy + 1)) / 2 });

function drawHandles(context, r) {
  context.save();
  context.setLineDash([]);
  context.lineWidth = 1.5;
  for (const handle of HANDLES) {
    const at = handleAt(r, handle);
    context.fillStyle = "#ffffff";
    context.strokeStyle = "#101418";
    context.fillRect(at.x - 4, at.y - 4, 8, 8);
    context.strokeRect(at.x - 4, at.y - 4, 8, 8);
  }
  context.restore();
}
