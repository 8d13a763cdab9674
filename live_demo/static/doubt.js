// Doubt: says plainly that no photo found is surely like what is asked, and what would help.

import { element } from "./results.js";
import { DOUBT, kind, label } from "./words.js";

const MOST = 5;
const $ = (id) => document.getElementById(id);

export class Doubt {
  #filters;
  #place;
  #textBox;
  #told = "";
  #isEmpty = false;

  constructor(filters, place, textBox) {
    [this.#filters, this.#place, this.#textBox] = [filters, place, textBox];
    $("doubt").addEventListener("click", ({ target }) => {
      const { what, kind: of, name } = target.closest("button")?.dataset ?? {};
      if (what === "class") filters.choose({ [of]: [name] });
      if (what === "words") textBox.focus();
      if (what === "widen") this.#widen();
    });
  }

  // Speaks of what was found, null for nothing asked; while one draws it says nothing new.
  show(found, isDrawing) {
    const isOpen = found && (found.isEmpty || found.isUnlike);
    if (isOpen && isDrawing) return;
    $("doubt").hidden = !isOpen;
    if (isOpen) this.#tell(found.hits);
  }

  #tell(hits) {
    const isEmpty = (this.#isEmpty = !hits.length);
    const filtered = this.#filters.names.length > 0;
    const isNarrowed = filtered || (isEmpty && this.#place.isNarrow);
    const classes = filtered ? [] : likeliest(hits);
    const { takesText } = this.#textBox;
    const told = JSON.stringify([isEmpty, isNarrowed, classes, takesText]);
    if (told === this.#told) return;
    this.#told = told;
    $("doubt-title").textContent = isEmpty ? DOUBT.empty(isNarrowed) : DOUBT.unlike;
    $("doubt-ways").textContent = DOUBT.ways({ near: !isEmpty, classes: classes.length, isNarrowed, takesText });
    const buttons = classes.map(([name, of]) => button(label(name), { what: "class", kind: of, name }));
    if (isNarrowed) buttons.push(button(DOUBT.widen, { what: "widen" }));
    buttons.push(button(takesText ? DOUBT.say : DOUBT.filter, { what: "words" }));
    $("doubt-row").replaceChildren(...buttons);
  }

  #widen() {
    this.#filters.clear();
    if (this.#isEmpty && this.#place.isNarrow) this.#place.change({ in: "", from: "", to: "" });
    else this.#filters.dispatchEvent(new Event("change"));
  }
}

// The likeliest classes of photos with their kind: those of most of them, then the nearest.
function likeliest(hits) {
  const counts = new Map();
  const kinds = new Map();
  for (const hit of hits.filter(kind)) {
    counts.set(kind(hit), (counts.get(kind(hit)) ?? 0) + 1);
    kinds.set(kind(hit), hit.class ? "classes" : "seen");
  }
  const names = [...kinds.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  return names.slice(0, MOST).map((name) => [name, kinds.get(name)]);
}

function button(text, dataset) {
  const made = element("button", { type: "button", className: "small" }, text);
  Object.assign(made.dataset, dataset);
  return made;
}
