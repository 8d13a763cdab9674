// The map's card: the map with what stands around it, the switch to it and the tip beside a dot.

import { colour } from "./colours.js";
import { GalleryMap } from "./map.js";
import { load, thumbnail } from "./photo.js";
import { label } from "./words.js";

const $ = (id) => document.getElementById(id);

export class MapCard extends EventTarget {
  #map = new GalleryMap($("map"));
  #place = null;

  constructor() {
    super();
    this.#map.addEventListener("over", ({ detail }) => this.#point(detail));
    this.#map.addEventListener("leave", () => ($("map-tip").hidden = true));
    this.#map.addEventListener("choose", ({ detail }) => this.dispatchEvent(new CustomEvent("choose", { detail })));
    for (const radio of document.querySelectorAll("[name=view]")) {
      radio.addEventListener("change", () => ($("answer").dataset.view = radio.value));
    }
  }

  // Shows the gateway's map; until there is one, nothing.
  async open() {
    $("map-card").hidden = false;
    if (this.#map.size) return void ($("views").hidden = false);
    $("views").hidden = $("map-card").hidden = !(await this.#map.load());
    this.#map.walk(...(this.#place ?? [null, []]));
  }

  // Shows none: another gallery has no place on it.
  close() {
    if ($("map-card").hidden) return;
    $("views").hidden = $("map-card").hidden = true;
    const photos = document.querySelector("[name=view][value=photos]");
    photos.checked = true;
    $("answer").dataset.view = photos.value;
  }

  // Says where the query lies and what was found; hits that know no place change nothing.
  show({ at, hits }) {
    if (at === undefined) return;
    this.#place = [at, hits];
    this.#map.walk(at, hits);
  }

  recolour() {
    this.#map.recolour();
  }

  #point({ id, class: name, x, y }) {
    const tip = $("map-tip");
    const [image, caption] = tip.children;
    if (tip.dataset.id !== id) {
      tip.dataset.id = id;
      load(image, thumbnail(id));
      caption.textContent = label(name);
      caption.style.setProperty("--class", colour(name));
    }
    const right = x > $("map").clientWidth / 2;
    tip.style.translate = `calc(${x}px + ${right ? "-100% - 14px" : "14px"}) calc(${y}px - 50%)`;
    tip.hidden = false;
  }
}
