// The rows of the worklist and of a screening run. Data in: {mode, lanes, groups, labels, rows, counts}.
// Event out: "open" with the id of a row. All text goes in as text nodes, never as markup.

const instances = new WeakMap();

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

// Shapes come from this product's own table, not from any file.
const shape = (inside) => {
  const holder = document.createElement("span");
  holder.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true">${inside}</svg>`;
  return holder.firstChild;
};

// Two decimals, but never so few that a score seems to lie on the other side of its threshold.
const said = (score, threshold) => {
  if (score < 0.005 && threshold > 0.005) return "<.01";
  let places = 2;
  while (places < 4 && score !== threshold && score.toFixed(places) === threshold.toFixed(places)) places += 1;
  return score.toFixed(places).replace(/^0/, "");
};

// COVID-19 is white: a bar with gaps, so that it is told from a highlight in either theme.
const dashes = (label) => (label.name === "COVID-19" ? "dashes" : "");

const swatch = (label) => {
  const mark = make("i", dashes(label));
  mark.style.background = label.colour;
  return mark;
};

function scoreCell(label, score, threshold, reach) {
  const above = score >= threshold;
  const cell = make("div", above ? "score above" : "score");
  cell.title = `${label.name}: model score ${score.toFixed(3)}, ${above ? "flagged" : "not flagged"} at your threshold ${threshold.toFixed(3)}. The bar reaches the tick at the threshold.`;
  cell.append(said(score, threshold));
  const bar = make("div", "bar");
  const fill = make("div", `fill ${dashes(label)}`);
  fill.style.width = `${100 * reach}%`;
  fill.style.background = label.colour;
  const tick = make("div", "tick");
  bar.append(fill, tick);
  cell.append(bar);
  return cell;
}

function bars(row, data) {
  const holder = make("div", "bars");
  if (!row.scores) {
    const note = make("div", "across", row.image ? "no scores" : "not screened: no scores");
    note.style.gridColumn = "1 / -1";
    holder.append(note);
    return holder;
  }
  data.labels.forEach((label, i) => holder.append(scoreCell(label, row.scores[i], row.thresholds[i], row.reach[i])));
  return holder;
}

function thumb(row, data) {
  if (!row.thumb) {
    const none = make("div", "thumb none");
    none.append(shape(data.lanes.refused.shape));
    return none;
  }
  const image = make("img", "thumb");
  image.src = row.thumb;
  image.alt = "";
  return image;
}

function urgency(row, data) {
  const lane = data.lanes[row.lane];
  const cell = make("div", `urgency ${row.lane}`);
  cell.title = lane.meaning;
  cell.append(shape(lane.shape), make("span", "", lane.word));
  return cell;
}

// As many names as there is room for; the rest is a number, all of them while hovering.
const named = () => (window.innerWidth > 1700 ? 5 : 2);

function found(row, data) {
  const holder = make("div", "found");
  const most = named();
  for (const name of row.flagged.slice(0, most)) {
    const part = make("span");
    part.append(swatch(data.labels.find((label) => label.name === name)), name);
    holder.append(part);
  }
  if (row.flagged.length > most) holder.append(make("span", "", `+${row.flagged.length - most}`));
  holder.title = row.flagged.join(", ");
  return holder;
}

function why(row, data) {
  const cell = make("div", row.flagged.length ? "why some" : "why");
  const name = make("div", "name");
  name.append(make("span", "", row.name));
  name.title = row.name;
  for (const tag of row.tags) name.append(make("span", "tag", tag));
  const reasons = make("div", "reasons", row.reasons.join(" "));
  reasons.title = row.reasons.join("\n");
  cell.append(name);
  if (row.flagged.length) cell.append(found(row, data));
  cell.append(reasons);
  return cell;
}

function rankCell(row, moved) {
  const cell = make("div", "rank", String(row.rank));
  const change = make("small", "", moved ? (moved > 0 ? `up ${moved}` : `down ${-moved}`) : "");
  cell.append(change);
  return cell;
}

function reviewCell(row) {
  const cell = make("div", "review");
  if (row.review) {
    cell.append(make("b", "", row.review.word));
    if (row.review.comment) cell.append(make("div", "", "with comment"));
    cell.title = row.review.comment || "";
  } else {
    cell.textContent = "not yet";
  }
  return cell;
}

function rowNode(row, data, moved, open) {
  const node = make("div", `row ${row.lane === "refused" ? "refused" : ""}`);
  node.tabIndex = 0;
  node.setAttribute("role", "button");
  node.dataset.id = row.id;
  node.dataset.rank = row.rank ?? "";
  node.dataset.lane = row.lane;
  node.dataset.flagged = row.flagged.join("|");
  node.setAttribute("aria-description", "Opens in Review");
  if (data.mode === "worklist") {
    node.append(rankCell(row, moved), thumb(row, data), urgency(row, data), why(row, data));
    const waiting = make("div", "waiting", row.waiting);
    waiting.title = `received ${row.received}`;
    node.append(waiting, bars(row, data), reviewCell(row));
  } else {
    node.append(thumb(row, data), urgency(row, data), why(row, data), bars(row, data));
  }
  node.onclick = () => open(row.id);
  node.onkeydown = (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(row.id); }
    const beside = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (beside) {
      const all = [...node.parentNode.querySelectorAll(".row")];
      all[all.indexOf(node) + beside]?.focus();
      event.preventDefault();
      event.stopPropagation();
    }
  };
  return node;
}

function head(data) {
  const node = make("div", "head");
  const labels = make("div", "bars");
  for (const label of data.labels) {
    const cell = make("div", "short", label.short);
    cell.title = label.name;
    cell.append(swatch(label));
    labels.append(cell);
  }
  if (data.mode === "worklist") {
    const rank = make("div", "", "rank");
    rank.style.textAlign = "right";
    const waiting = make("div", "", "waiting");
    waiting.style.textAlign = "right";
    node.append(rank, make("div", "", "film"), make("div", "", "urgency"), make("div", "", "why here"), waiting, labels, make("div", "review", "reviewed"));
  } else {
    node.append(make("div", "", "film"), make("div", "", "urgency"), make("div", "", "what was found"), labels);
  }
  return node;
}

function groupNode(group, data) {
  const style = data.groups[group];
  const node = make("div", `lane ${group}`);
  node.append(shape(style.shape), make("span", "", style.word), make("span", "count", (data.counts[group] ?? 0).toLocaleString("en")), make("span", "meaning", style.meaning));
  return node;
}

function draw(root, data, before, open) {
  const focused = root.getRootNode().activeElement?.dataset?.id;
  const list = make("div", `list ${data.mode}`);
  if (!data.rows.length) {
    list.append(make("div", "nothing", data.nothing || "Nothing to show."));
  } else {
    list.append(head(data));
    let group = null;
    for (const row of data.rows) {
      if (data.mode === "worklist" && row.group !== group) { group = row.group; list.append(groupNode(group, data)); }
      const old = before.get(row.id);
      list.append(rowNode(row, data, old ? old - row.rank : 0, open));
    }
  }
  root.replaceChildren(list);
  if (focused) root.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".listing");
  const known = instances.get(parentElement) ?? { ranks: new Map() };
  draw(root, data, known.ranks, (id) => setTriggerValue("open", id));
  for (const row of data.rows) if (row.rank) known.ranks.set(row.id, row.rank);
  instances.set(parentElement, known);
}
