// Dark until a person chooses otherwise. Streamlit follows the computer's own setting at a first visit, and remembers a
// choice for the one address at which the page was opened; a reading room is dark, and its pages look alike.

const PAGES = ["", "Screen", "Worklist", "Review", "Models", "Operations", "Simulator", "Connections", "Settings"];
const CHOICE = "cxr-appearance";

function keys() {
  const known = Object.keys(localStorage).map((key) => key.match(/^stActiveTheme-.*-v(\d+)$/)).find(Boolean);
  const base = location.pathname.replace(/[^/]*$/, "");
  return PAGES.map((page) => `stActiveTheme-${base}${page}-v${known ? known[1] : 2}`);
}

function settle() {
  const chosen = localStorage.getItem(CHOICE);
  const all = keys();
  const changed = chosen && all.map((key) => localStorage.getItem(key)).find((value) => value && value !== chosen);
  const next = changed || chosen || '"Dark"';
  localStorage.setItem(CHOICE, next);
  for (const key of all) localStorage.setItem(key, next);
  return Boolean(chosen);
}

export default function (component) {
  const { data, setTriggerValue } = component;
  let knew = true;
  try {
    knew = settle();
  } catch {
    // Without storage there is nothing to remember: the page stays as it is.
  }
  if (!data.light || data.settled) return;
  if (knew) setTriggerValue("keep", true);
  else location.reload();
}
