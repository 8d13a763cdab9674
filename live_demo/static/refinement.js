// Refinement: photos to move the answer towards, and photos to move it away from.

import { load, thumbnail } from "./photo.js";
import { element } from "./results.js";
import { such } from "./words.js";

const MOST = 100;

export class Refinement extends EventTarget {
  #bar;
  liked = new Map();
  disliked = new Map();

  constructor(bar) {
    super();
    this.#bar = bar;
  }

  // Shows a view's likes and dislikes, and changes them from now on.
  use({ liked, disliked }) {
    [this.liked, this.disliked] = [liked, disliked];
    this.#show();
  }

  get isEmpty() {
    return !this.liked.size && !this.disliked.size;
  }

  // As a search names them.
  get ids() {
    return { liked: [...this.liked.keys()], disliked: [...this.disliked.keys()] };
  }

  toggle(kind, hit) {
    const [own, other] = kind === "liked" ? [this.liked, this.disliked] : [this.disliked, this.liked];
    other.delete(hit.id);
    if (!own.delete(hit.id) && own.size < MOST) own.set(hit.id, hit);
    this.#change();
  }

  reset() {
    this.liked.clear();
    this.disliked.clear();
    this.#change();
  }

  #change() {
    this.#show();
    this.dispatchEvent(new Event("change"));
  }

  #show() {
    const group = (kind, title, photos) => {
      if (!photos.size) return [];
      const buttons = [...photos.values()].map((hit) => {
        const name = `Take back: ${title.toLowerCase()} ${such(hit)}`;
        const image = element("img", { alt: "" });
        load(image, thumbnail(hit.id));
        const button = element("button", { type: "button", title: name }, image);
        button.setAttribute("aria-label", name);
        button.addEventListener("click", () => this.toggle(kind, hit));
        return button;
      });
      return [element("span", { className: `group ${kind}` }, element("span", {}, title), ...buttons)];
    };
    const reset = element("button", { type: "button", className: "small" }, "Reset");
    reset.addEventListener("click", () => this.reset());
    this.#bar.hidden = this.isEmpty;
    this.#bar.replaceChildren(...group("liked", "More like", this.liked), ...group("disliked", "Less like", this.disliked), reset);
  }
}
