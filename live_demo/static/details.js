// The dialog that shows one photo, what is known of it and what can be done with it.
//
// It says what its user wants ("shown", "closed", "follow", "like", "dislike"); the
// browser's history decides whether it is open.

import { large, load, unload } from "./photo.js";
import { element, original } from "./results.js";
import { label, lost } from "./words.js";

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
    $("details").addEventListener("close", () => {
      unload($("details-image"));
      this.dispatchEvent(new Event("closed"));
    });
    $("details").addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.#step(-1);
      if (event.key === "ArrowRight") this.#step(1);
    });
  }

  // Shows a photo, or with null none.
  open(hit, refinement) {
    if (!hit) return $("details").close();
    this.#refinement = refinement;
    this.#show(hit);
    if (!$("details").open) $("details").showModal();
  }

  #show(hit) {
    this.#hit = hit;
    const name = label(hit.class);
    $("details-title").textContent = name;
    $("details-lost").hidden = true;
    $("details-image").hidden = false;
    load($("details-image"), large(hit.id), (reason) => {
      $("details-image").hidden = true;
      $("details-lost").textContent = lost(reason, hit.original);
      $("details-lost").hidden = false;
    });
    $("details-image").alt = `Photo: ${name}`;
    [$("details-image").width, $("details-image").height] = [hit.width, hit.height];
    const facts = [["Score", hit.score.toFixed(3)], ["Size", `${hit.width} × ${hit.height} pixels`]];
    for (const [field, value] of Object.entries(hit.about)) {
      facts.push([NAMES[field] ?? field[0].toUpperCase() + field.slice(1), value]);
    }
    if (hit.original) facts.push(["Original", original(hit, hit.original.replace(/^https?:\/\//, ""))]);
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
    if (next && this.#at() >= 0) this.dispatchEvent(new CustomEvent("shown", { detail: next }));
  }

  #leave(what) {
    this.dispatchEvent(new CustomEvent(what, { detail: this.#hit }));
    $("details").close();
  }
}
