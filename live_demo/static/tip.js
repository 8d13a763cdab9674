// The tip beside a dot of the map: the photo that it stands for.

import { colour } from "./colours.js";
import { load, thumbnail } from "./photo.js";
import { label } from "./words.js";

export class Tip {
  #tip;

  constructor(tip, map, canvas) {
    this.#tip = tip;
    map.addEventListener("over", ({ detail }) => this.#show(detail, canvas.clientWidth));
    map.addEventListener("leave", () => (tip.hidden = true));
  }

  #show({ id, class: name, x, y }, width) {
    const tip = this.#tip;
    const [image, caption] = tip.children;
    if (tip.dataset.id !== id) {
      tip.dataset.id = id;
      load(image, thumbnail(id));
      caption.textContent = label(name);
      caption.style.setProperty("--class", colour(name));
    }
    tip.style.translate = `calc(${x}px + ${x > width / 2 ? "-100% - 14px" : "14px"}) calc(${y}px - 50%)`;
    tip.hidden = false;
  }
}
