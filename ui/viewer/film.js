// The picture: fetched once, kept as 16-bit greys in halves of halves, windowed through a table on this side. A frame
// touches about as many pixels as the screen shows, whatever the film's size, so that windowing a 2,500-pixel film keeps
// up with the hand. No part of this file knows boxes or buttons.

// Films decoded lately, so that going back is instant. A film of 2,500 px is about 17 MB, twice that once it is drawn.
const decoded = new Map();
const KEEP = 5;

async function fetchFilm(film) {
  if (decoded.has(film.url)) return decoded.get(film.url);
  const response = await fetch(film.url);
  if (!response.ok) throw new Error(`film: ${response.status}`);
  const bitmap = await createImageBitmap(await response.blob(), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const kept = filmOf(greysOf(bitmap, film.kind === "rg16"), bitmap.width, bitmap.height);
  bitmap.close();
  decoded.set(film.url, kept);
  while (decoded.size > KEEP) decoded.delete(decoded.keys().next().value);
  return kept;
}

// "rg16" carries the high byte in red and the low byte in green; "grey8" one grey in all three.
function greysOf(bitmap, packed) {
  const canvas = blank(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  const greys = new Uint16Array(bitmap.width * bitmap.height);
  for (let i = 0, j = 0; i < greys.length; i += 1, j += 4) greys[i] = (rgba[j] << 8) | (packed ? rgba[j + 1] : rgba[j]);
  return greys;
}

function filmOf(greys, width, height) {
  const levels = [{ greys, width, height, shown: "" }];
  while (Math.min(levels.at(-1).width, levels.at(-1).height) > 512) levels.push(halved(levels.at(-1)));
  return { levels, width, height, span: spanOf(greys) };
}

// Two by two pixels become their mean, so that fine lines do not vanish; an odd last row or column is left out.
function halved(level) {
  const [width, height] = [level.width >> 1, level.height >> 1];
  const greys = new Uint16Array(width * height);
  for (let y = 0, to = 0; y < height; y += 1) {
    let from = 2 * y * level.width;
    for (let x = 0; x < width; x += 1, to += 1, from += 2) {
      const below = from + level.width;
      greys[to] = (level.greys[from] + level.greys[from + 1] + level.greys[below] + level.greys[below + 1] + 2) >> 2;
    }
  }
  return { greys, width, height, shown: "" };
}

// The greys between which 99% of the picture lies: the automatic window leaves out burnt-in letters and the collimator.
function spanOf(greys) {
  const counts = new Uint32Array(1024);
  const step = Math.max(1, Math.floor(greys.length / 400000));
  let seen = 0;
  for (let i = 0; i < greys.length; i += step) { counts[greys[i] >> 6] += 1; seen += 1; }
  const at = (share) => {
    let sum = 0;
    for (let bin = 0; bin < 1024; bin += 1) { sum += counts[bin]; if (sum >= share * seen) return bin << 6; }
    return 65535;
  };
  return { low: at(0.005), high: at(0.995) + 63 };
}

const AS_READ = { centre: 32767.5, width: 65535 };

// Linear window, DICOM PS3.3 C.11.2.1.2 in its exact form; the table holds whole RGBA pixels, one look-up a pixel.
const table = { wanted: "", pixels: new Uint32Array(65536) };
function windowTable(window_, inverted) {
  const wanted = `${window_.centre}/${window_.width}/${inverted}`;
  if (table.wanted === wanted) return table;
  const low = window_.centre - window_.width / 2;
  for (let grey = 0; grey < 65536; grey += 1) {
    let value = Math.round((255 * (grey - low)) / window_.width);
    value = value < 0 ? 0 : value > 255 ? 255 : value;
    if (inverted) value = 255 - value;
    table.pixels[grey] = 0xff000000 | (value << 16) | (value << 8) | value;
  }
  table.wanted = wanted;
  return table;
}

// Levels up to this size are windowed whole and kept: moving the film then only copies. Larger ones only where seen.
const WHOLE = 2.4e6;
const scratch = {};

// Draw the part of a film that lies in ``clip``; ``place`` is where its corner lies and how large a film pixel is.
function drawFilm(context, film, place, clip, ratio, window_, inverted) {
  const scale = place.scale * ratio;
  const level = film.levels[Math.min(film.levels.length - 1, Math.max(0, Math.floor(-Math.log2(scale))))];
  const [sx, sy] = [(place.scale * film.width) / level.width, (place.scale * film.height) / level.height];
  const x1 = Math.max(0, Math.floor((clip.x - place.x) / sx)), x2 = Math.min(level.width, Math.ceil((clip.x + clip.w - place.x) / sx));
  const y1 = Math.max(0, Math.floor((clip.y - place.y) / sy)), y2 = Math.min(level.height, Math.ceil((clip.y + clip.h - place.y) / sy));
  if (x2 <= x1 || y2 <= y1) return;
  const [w, h] = [x2 - x1, y2 - y1];
  context.save();
  context.beginPath();
  context.rect(clip.x, clip.y, clip.w, clip.h);
  context.clip();
  context.imageSmoothingEnabled = scale < 4; // from four screen pixels a film pixel on, the pixels themselves are wanted
  context.imageSmoothingQuality = "medium";
  const whole = level.width * level.height <= WHOLE;
  const { canvas, x, y } = whole ? { canvas: windowedLevel(level, window_, inverted), x: 0, y: 0 } : windowedPart(level, { x1, y1, x2, y2 }, window_, inverted);
  context.drawImage(canvas, x1 - x, y1 - y, w, h, place.x + x1 * sx, place.y + y1 * sy, w * sx, h * sy);
  context.restore();
}

function windowedLevel(level, window_, inverted) {
  const { wanted, pixels } = windowTable(window_, inverted);
  if (!level.canvas) {
    level.canvas = blank(level.width, level.height);
    level.image = new ImageData(level.width, level.height);
  }
  if (level.shown === wanted) return level.canvas;
  const out = new Uint32Array(level.image.data.buffer);
  const greys = level.greys;
  for (let i = 0; i < greys.length; i += 1) out[i] = pixels[greys[i]];
  level.canvas.getContext("2d").putImageData(level.image, 0, 0);
  level.shown = wanted;
  return level.canvas;
}

// While the film is moved, more than is seen is windowed at once, so that most frames only copy; while the window itself
// is dragged, nothing beyond what is seen.
function windowedPart(level, seen, window_, inverted) {
  const { wanted, pixels } = windowTable(window_, inverted);
  const same = scratch.level === level && scratch.wanted === wanted;
  if (same && seen.x1 >= scratch.x && seen.y1 >= scratch.y && seen.x2 <= scratch.x2 && seen.y2 <= scratch.y2) return scratch;
  const margin = same ? 0.3 : 0;
  const [mx, my] = [Math.ceil((seen.x2 - seen.x1) * margin), Math.ceil((seen.y2 - seen.y1) * margin)];
  const [x, y] = [Math.max(0, seen.x1 - mx), Math.max(0, seen.y1 - my)];
  const [x2, y2] = [Math.min(level.width, seen.x2 + mx), Math.min(level.height, seen.y2 + my)];
  const [w, h] = [x2 - x, y2 - y];
  if (!scratch.image || scratch.image.width !== w || scratch.image.height !== h) {
    scratch.image = new ImageData(w, h);
    scratch.canvas = blank(w, h);
  }
  const out = new Uint32Array(scratch.image.data.buffer);
  for (let row = y, to = 0; row < y2; row += 1) {
    let from = row * level.width + x;
    for (let column = x; column < x2; column += 1, to += 1, from += 1) out[to] = pixels[level.greys[from]];
  }
  scratch.canvas.getContext("2d").putImageData(scratch.image, 0, 0);
  Object.assign(scratch, { level, wanted, x, y, x2, y2 });
  return scratch;
}

function blank(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}
