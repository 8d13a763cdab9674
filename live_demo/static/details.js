// The dialog that shows one photo, what is known of it and what can be done with it.

import { element, large } from "./results.js";
import { label } from "./words.js";

const $ = (id) => document.getElementById(id);
const NAMES = { licence: "Licence", license: "Licence" };

export class Details extends EventTarget {
  #hit = null;
  #refinement = null;
  hits = [];

  constructor() {
    super();
    $("details-more").addEventListener("click", () => this.#leave("follow"));
    $("details-like").addEventListener("click", () => this.#leave("like"));
    $("details-dislike").addEventListener("click", () => this.#leave("dislike"));
    $("details-previous").addEventListener("click", () => this.#step(-1));
    $("details-next").addEventListener("click", () => this.#step(1));
    $("details").addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.#step(-1);
      if (event.key === "ArrowRight") this.#step(1);
    });
  }

  open(hit, refinement) {
    this.#refinement = refinement;
    this.#show(hit);
    $("details").showModal();
  }

  #show(hit) {
    this.#hit = hit;
    const name = label(hit.class);
    $("details-title").textContent = name;
    $("details-image").src = large(hit.id);
    $("details-image").alt = `Photo: ${name}`;
    [$("details-image").width, $("details-image").height] = [hit.width, hit.height];
    const facts = [["Score", hit.score.toFixed(3)], ["Size", `${hit.width} × ${hit.height} pixels`]];
    for (const [field, value] of Object.entries(hit.about)) {
      facts.push([NAMES[field] ?? field[0].toUpperCase() + field.slice(1), value]);
    }
    $("details-facts").replaceChildren(...facts.map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value))));
    $("details-like").setAttribute("aria-pressed", this.#refinement.liked.has(hit.id));
    $("details-dislike").setAttribute("aria-pressed", this.#refinement.disliked.has(hit.id));
    const at = this.#at();
    $("details-previous").disabled = at <= 0;
    $("details-next").disabled = at < 0 || at >= this.hits.length - 1;
  }

  #at() {
    return this.hits.findIndex((hit) => hit.id === this.#hit.id);
  }

  #step(by) {
    const next = this.hits[this.#at() + by];
    if (next && this.#at() >= 0) this.#show(next);
  }

  #leave(what) {
    $("details").close();
    this.dispatchEvent(new CustomEvent(what, { detail: this.#hit }));
  }
}
