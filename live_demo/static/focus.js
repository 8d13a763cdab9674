// Focus: what of a drawing or a photo counts, what it shows or how it is drawn.

import { element } from "./results.js";
import { FOCUSES } from "./words.js";

const $ = (id) => document.getElementById(id);

export class Focus {
  #place;

  constructor(place) {
    this.#place = place;
    $("focus").addEventListener("change", ({ target }) => this.#choose(target.value));
    for (const kind of ["read", "change"]) place.addEventListener(kind, () => this.#show());
  }

  // Takes what the gateway says of the model; tells whether that changes what is asked.
  learn({ focuses }) {
    const before = this.#place.key;
    if (this.#place.focuses.join() !== focuses.join()) {
      this.#place.focuses = focuses;
      const known = Object.keys(FOCUSES).filter((name) => focuses.includes(name));
      $("focus-choices").replaceChildren(...known.map(choice));
    }
    $("focus").hidden = !focuses.length;
    this.#show();
    return this.#place.key !== before;
  }

  // The next one, or after the last the first.
  turn() {
    const all = [...$("focus-choices").querySelectorAll("input")];
    const at = all.findIndex((each) => each.checked);
    if (all.length) this.#choose(all[(at + 1) % all.length].value);
  }

  #choose(name) {
    this.#place.change({ focus: name === this.#place.focuses[0] ? "" : name });
  }

  #show() {
    const chosen = this.#place.focus || this.#place.focuses[0];
    for (const each of $("focus-choices").querySelectorAll("input")) each.checked = each.value === chosen;
  }
}

function choice(name) {
  const [text, title] = FOCUSES[name];
  const input = element("input", { type: "radio", name: "focus", value: name });
  return element("label", { title }, input, element("span", {}, text));
}
