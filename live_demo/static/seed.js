// The seed: the photo that others are searched like, shown above them with a way back.

import { load, thumbnail } from "./photo.js";
import { element } from "./results.js";
import { such } from "./words.js";

export class Seed extends EventTarget {
  #bar;
  #back = element("button", { type: "button", className: "small" }, "Back to your drawing");

  constructor(bar) {
    super();
    this.#bar = bar;
    this.#back.addEventListener("click", () => this.dispatchEvent(new Event("back")));
  }

  // Shows a photo, and whether only the nearly same are searched; null shows none.
  show(hit, isBurst = false) {
    this.#bar.hidden = !hit;
    if (!hit) return this.#bar.replaceChildren();
    const image = element("img", { alt: "" });
    load(image, thumbnail(hit.id));
    this.#bar.replaceChildren(image, element("p", {}, `${isBurst ? "Nearly the same as" : "More like"} ${such(hit)}`), this.#back);
  }
}
