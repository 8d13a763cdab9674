// Controls: the buttons and the keys that do the same, wherever the focus is.

const BUTTONS = ["pen", "eraser", "undo", "redo", "clear", "upload", "download", "link", "help-open"];
const KEYS = { p: "pen", e: "eraser", u: "upload", d: "download", l: "link", Delete: "clear", "?": "help-open", "[": "thinner", "]": "thicker" };
const $ = (id) => document.getElementById(id);

// Lets buttons and keys do what `actions` say, by their names.
export function bind(actions) {
  for (const name of BUTTONS) $(name).addEventListener("click", actions[name]);
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.target.closest("select, input:not([type=range])")) return;
    const name = named(event);
    if (!name) return;
    event.preventDefault();
    if (!$(name)?.disabled) actions[name]();
  });
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }
}

function named({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  const letter = key.length === 1 ? key.toLowerCase() : key;
  if (!ctrlKey && !metaKey) return altKey ? null : KEYS[letter];
  if (letter === "z") return shiftKey ? "redo" : "undo";
  return letter === "y" ? "redo" : null;
}
