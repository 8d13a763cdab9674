// The address: it holds the drawing, as a link that can be kept and passed on.

import { fromFragment, toFragment } from "./link.js";
import { DAMAGED, LINK } from "./words.js";

const PAUSE = 400;

export class Address {
  #drawing;
  #views;
  #toast;
  #saving = 0;

  constructor(drawing, views, toast) {
    [this.#drawing, this.#views, this.#toast] = [drawing, views, toast];
    drawing.addEventListener("change", ({ detail }) => {
      if (detail !== "finished") return;
      clearTimeout(this.#saving);
      this.#saving = setTimeout(() => this.save(), PAUSE);
    });
  }

  // Puts the drawing there; where it does not fit nothing, rather than an older one.
  save() {
    clearTimeout(this.#saving);
    const fragment = toFragment(this.#drawing.finished);
    this.#views.address(fragment?.text ?? "");
    return fragment;
  }

  // Draws what it holds.
  restore() {
    const strokes = fromFragment(location.hash);
    if (strokes) this.#drawing.load(strokes);
    else if (location.hash.startsWith("#d=")) this.#toast.say(DAMAGED);
    else this.#drawing.clear();
  }

  async copy() {
    if (this.#drawing.isEmpty) return;
    const fragment = this.save();
    if (!fragment) return this.#toast.say(LINK.large);
    try {
      await navigator.clipboard.writeText(location.href);
      this.#toast.say(fragment.coarse ? LINK.coarse : LINK.copied);
    } catch {
      this.#toast.say(LINK.address);
    }
  }
}
