// The address: it holds the drawing, the words beside it and where they are searched, as a link that
// can be kept and passed on.

import { fromFragment, toFragment } from "./link.js";
import { DAMAGED, LINK } from "./words.js";

const PAUSE = 400;
const EVEN = 0.5;
// More is no query's.
const MOST = 1000;

export class Address {
  #drawing;
  #views;
  #place;
  #toast;
  #saving = 0;

  constructor(drawing, views, place, toast) {
    [this.#drawing, this.#views, this.#place, this.#toast] = [drawing, views, place, toast];
    place.addEventListener("change", () => this.save());
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
    const { text, weight } = this.#views.current;
    const words = text && `q=${encodeURIComponent(text)}${weight === EVEN ? "" : `&w=${weight}`}`;
    const parts = [fragment?.text.slice(1), words, this.#place.text].filter(Boolean);
    this.#views.address(parts.length ? `#${parts.join("&")}` : "");
    return fragment;
  }

  // Draws and says what it holds.
  restore() {
    const given = new URLSearchParams(location.hash.slice(1));
    const weight = Number(given.get("w"));
    this.#views.current.text = (given.get("q") ?? "").slice(0, MOST);
    this.#views.current.weight = weight > 0 && weight < 1 ? weight : EVEN;
    this.#place.read(location.hash);
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
