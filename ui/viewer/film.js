// The picture: fetched once, kept as 16-bit greys, windowed through a table on this side, so that dragging the window
// never asks the server. No part of this file knows boxes or buttons.

// Films decoded lately, so that going back is instant. Two of 2,500 px are about 60 MB in all.
const decoded = new Map();
const KEEP = 4;

async function fetchFilm(film) {
  if (decoded.has(film.url)) return decoded.get(film.url);
  const response = await fetch(film.url);
  if (!response.ok) throw new Error(`film: ${response.status}`);
  const bitmap = await createImageBitmap(await response.blob(), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  const greys = new Uint16Array(bitmap.width * bitmap.height);
  // "rg16" carries the high byte in red and the low byte in green; "grey8" one grey in all three.
  const packed = film.kind === "rg16";
  for (let i = 0, j = 0; i < greys.length; i += 1, j += 4) greys[i] = (rgba[j] << 8) | (packed ? rgba[j + 1] : rgba[j]);
  const kept = { canvas, context, greys, width: bitmap.width, height: bitmap.height, span: spanOf(greys), shown: "" };
  decoded.set(film.url, kept);
  while (decoded.size > KEEP) decoded.delete(decoded.keys().next().value);
  return kept;
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
function applyWindow(film, window_, inverted) {
  const wanted = `${window_.centre}/${window_.width}/${inverted}`;
  if (film.shown === wanted) return;
  const table = new Uint32Array(65536);
  const low = window_.centre - window_.width / 2;
  for (let grey = 0; grey < 65536; grey += 1) {
    let value = Math.round((255 * (grey - low)) / window_.width);
    value = value < 0 ? 0 : value > 255 ? 255 : value;
    if (inverted) value = 255 - value;
    table[grey] = 0xff000000 | (value << 16) | (value << 8) | value;
  }
  const image = film.context.createImageData(film.width, film.height);
  const pixels = new Uint32Array(image.data.buffer);
  const greys = film.greys;
  for (let i = 0; i < greys.length; i += 1) pixels[i] = table[greys[i]];
  film.context.putImageData(image, 0, 0);
  film.shown = wanted;
}
