// Controls: the buttons and the keys that do the same, wherever the focus is.

import { turn } from "./colours.js";

const BUTTONS = ["pen", "eraser", "undo", "redo", "clear", "upload", "download", "link", "help-open"];
const KEYS = { "/": "text", f: "focus", p: "pen", e: "eraser", u: "upload", d: "download", l: "link", Delete: "clear", "?": "help-open", "[": "thinner", "]": "thicker" };
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

// Calls `recolour` when light turns to dark or back, by the button or the system; and lets the
// button beside it leave the page to the next one who knows the password.
export function onTurn(recolour) {
  $("theme").addEventListener("click", () => {
    turn();
    recolour();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  $("leave").addEventListener("click", async () => {
    await fetch("/logout", { method: "POST" });
    location.reload();
  });
}

function named({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  const letter = key.length === 1 ? key.toLowerCase() : key;
  if (!ctrlKey && !metaKey) return altKey ? null : KEYS[letter];
  if (letter === "z") return shiftKey ? "redo" : "undo";
  return letter === "y" ? "redo" : null;
}
