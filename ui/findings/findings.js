// The findings beside the film: what the models said (drawn by the server), and what the reader says of each. Data in: see
// ui/findings/__init__.py; out: one word at a time ("said"). Keys: 1 to 9 choose a finding, a and d agree and disagree with
// it, or with all flags where none is chosen, f says that it is there, Enter signs off.

const tables = new WeakMap();

const MARKS = {
  agree: '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2.5 8.5 6.5 12.5 13.5 4" fill="none" stroke="currentColor" stroke-width="2.4"/></svg>',
  disagree: '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3.5 3.5 12.5 12.5M12.5 3.5 3.5 12.5" fill="none" stroke="currentColor" stroke-width="2.4"/></svg>',
  added: '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M8 2.5V13.5M2.5 8H13.5" fill="none" stroke="currentColor" stroke-width="2.4"/></svg>',
};
const SAY = {
  agree: (label) => `Agree: ${label} is there`,
  disagree: (label) => `Disagree: ${label} is not there`,
  added: (label) => `I see ${label}`,
};

class Findings {
  constructor(root) {
    this.root = root;
    this.chosen = null;
    this.words = []; // said, and not heard yet: two words may reach the server as one message, so all are sent anew
    this.send = () => undefined;
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    this.select = (event) => { if (event.detail.from === "viewer") this.choose(event.detail.label, false); };
    document.addEventListener("cxr-select", this.select);
    // What was said a moment ago stands on the page before the server has it: whoever leaves now is asked first.
    this.leave = (event) => { if (this.words.length) event.preventDefault(); };
    window.addEventListener("beforeunload", this.leave);
  }

  stop() {
    window.removeEventListener("beforeunload", this.leave);
    document.removeEventListener("keydown", this.keys);
    document.removeEventListener("cxr-select", this.select);
  }

  update(data) {
    if (this.data?.film !== data.film) this.chosen = null;
    if (this.html !== data.html) { this.root.innerHTML = data.html; this.html = data.html; }
    this.data = data;
    this.words = this.words.filter((word) => word.at > data.heard);
    for (const word of this.words) if (word.what === "finding" && word.film === data.film) this.find(word.label).status = word.status;
    for (const row of data.rows) this.row(row);
    this.mark();
  }

  tell(word) {
    const last = this.words.at(-1)?.at ?? this.data.heard;
    this.words.push({ ...word, film: this.data.film, at: Math.max(Date.now(), last + 1) });
    this.root.dataset.unheard = this.words.length;
    this.send(this.words);
  }

  find(label) { return this.data.rows.find((row) => row.label === label); }

  node(label) { return this.root.querySelector(`.cxr-score[data-label="${CSS.escape(label)}"]`); }

  row(row) {
    const node = this.node(row.label);
    const kinds = this.data.blind || !(row.flagged || row.status === "disagree") ? ["added"] : ["agree", "disagree"];
    let say = node.querySelector(".cxr-say");
    if (!say || say.dataset.kinds !== kinds.join()) {
      say?.remove();
      say = document.createElement("span");
      say.className = "cxr-say";
      say.dataset.kinds = kinds.join();
      say.append(...kinds.map((kind) => this.button(row.label, kind)));
      node.querySelector(".number").after(say);
      node.onclick = (event) => { if (!event.target.closest("button")) this.choose(this.chosen === row.label ? null : row.label); };
    }
    const status = row.status === "added" && kinds.length > 1 ? "agree" : row.status;
    for (const button of say.children) button.setAttribute("aria-pressed", String(button.dataset.kind === status));
  }

  button(label, kind) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = kind;
    button.dataset.kind = kind;
    button.title = SAY[kind](label);
    button.setAttribute("aria-label", SAY[kind](label));
    button.innerHTML = MARKS[kind];
    button.onclick = () => this.say(label, kind);
    return button;
  }

  // The same word again takes it back.
  say(label, kind) {
    const row = this.find(label);
    const same = row.status === kind || (kind === "agree" && row.status === "added");
    row.status = same ? null : kind;
    this.row(row);
    this.tell({ what: "finding", label, status: row.status });
  }

  choose(label, told = true) {
    this.chosen = label;
    this.mark();
    if (told) document.dispatchEvent(new CustomEvent("cxr-select", { detail: { label, from: "findings" } }));
  }

  mark() {
    for (const row of this.data?.rows ?? []) this.node(row.label)?.classList.toggle("chosen", row.label === this.chosen);
    this.root.dataset.chosen = this.chosen ?? "";
    this.root.dataset.unheard = this.words.length;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || busy(event) || !this.data) return;
    if (event.key >= "1" && event.key <= "9") this.choose(this.data.rows[Number(event.key) - 1].label);
    else if (event.key === "Escape") this.choose(null);
    else if (event.key === "Enter" && !event.repeat && !onButton(event)) this.tell({ what: "sign" });
    else if (event.key === "f" && this.chosen) this.say(this.chosen, this.kind("agree"));
    else if ((event.key === "a" || event.key === "d") && !this.data.blind) this.agree(event.key === "a" ? "agree" : "disagree");
    else return;
    event.preventDefault();
  }

  // "agree" with a finding that was not flagged is to see it oneself.
  kind(word) {
    const flagged = this.find(this.chosen).flagged;
    return word === "agree" && (this.data.blind || !flagged) ? "added" : word;
  }

  agree(word) {
    if (this.chosen) this.say(this.chosen, this.kind(word));
    else this.tell({ what: "all", status: word });
  }
}

// A letter typed into a field is a letter, not a command; a switch or a choice takes no letters.
function busy(event) {
  const node = event.composedPath()[0];
  if (!(node instanceof HTMLElement)) return false;
  if (node.tagName === "INPUT") return !/^(checkbox|radio|button)$/.test(node.type);
  return node.isContentEditable || /^(TEXTAREA|SELECT)$/.test(node.tagName) || Boolean(node.closest('[role="listbox"], [role="dialog"]'));
}

// Enter on a button or a switch is for that button or switch and signs nothing.
function onButton(event) {
  const node = event.composedPath()[0];
  return node instanceof HTMLElement && Boolean(node.closest('input, button, a, summary, [role="button"], [role="radio"], [role="switch"]'));
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const root = parentElement.querySelector(".cxr-findings");
  let table = tables.get(root);
  if (!table) { table = new Findings(root); tables.set(root, table); }
  table.send = (words) => setTriggerValue("said", words);
  table.update(data);
  return () => { table.stop(); tables.delete(root); };
}
