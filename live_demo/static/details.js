// The dialog that shows one photo, what is known of it and what can be done with it.
//
// It says what its user wants ("shown", "closed", "follow", "like", "dislike", "burst",
// "folder"); the browser's history decides whether it is open.

import { large, load, saved, unload, whole } from "./photo.js";
import { element, original } from "./results.js";
import { alike, folder, label, lost, moment, title } from "./words.js";

const $ = (id) => document.getElementById(id);
const NAMES = { licence: "Licence", license: "Licence" };
const MAP = "https://www.openstreetmap.org/";

export class Details extends EventTarget {
  #hit = null;
  #refinement = null;
  hits = [];

  constructor() {
    super();
    $("details-more").addEventListener("click", () => this.#leave("follow"));
    $("details-like").addEventListener("click", () => this.#leave("like"));
    $("details-dislike").addEventListener("click", () => this.#leave("dislike"));
    $("details-burst").addEventListener("click", () => this.#leave("burst"));
    $("details-previous").addEventListener("click", () => this.#step(-1));
    $("details-next").addEventListener("click", () => this.#step(1));
    $("details").addEventListener("close", ({ target }) => {
      // The browser tells late: they may be open again, for another step of the history.
      if (target.open) return;
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
    const name = title(hit);
    $("details-title").textContent = name;
    $("details-lost").hidden = true;
    $("details-image").hidden = false;
    load($("details-image"), large(hit.id), (reason) => {
      $("details-image").hidden = $("details-file").hidden = true;
      $("details-lost").textContent = lost(reason, hit.original);
      $("details-lost").hidden = false;
    });
    $("details-image").alt = `Photo: ${name}`;
    [$("details-image").width, $("details-image").height] = [hit.width, hit.height];
    const facts = this.#facts(hit);
    for (const [field, value] of Object.entries(hit.about)) {
      facts.push([NAMES[field] ?? field[0].toUpperCase() + field.slice(1), value]);
    }
    [$("details-whole").href, $("details-save").href] = [whole(hit.id), saved(hit.id)];
    $("details-save").download = hit.file ?? "";
    $("details-file").hidden = false;
    $("details-burst").hidden = !hit.alike;
    $("details-burst").textContent = hit.alike ? `Show ${alike(hit.alike)}` : "";
    if (hit.original) facts.push(["Original", original(hit, hit.original.replace(/^https?:\/\//, ""))]);
    $("details-facts").replaceChildren(...facts.map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value))));
    $("details-like").setAttribute("aria-pressed", this.#refinement.liked.has(hit.id));
    $("details-dislike").setAttribute("aria-pressed", this.#refinement.disliked.has(hit.id));
    const at = this.#at();
    $("details-previous").disabled = at <= 0;
    $("details-next").disabled = at < 0 || at >= this.hits.length - 1;
  }

  // What is known of a photo, each where it is.
  #facts(hit) {
    const within = element("button", { type: "button", className: "link" }, folder(hit.folder));
    within.title = "Search in this folder alone";
    within.addEventListener("click", () => this.#leave("folder"));
    const stars = hit.stars > 0 && element("span", { role: "img", "aria-label": `${hit.stars} of 5 stars` }, "★".repeat(hit.stars) + "☆".repeat(5 - hit.stars));
    return [
      ["File", hit.class && hit.file],
      ["Looks like", hit.seen && hit.seen !== hit.class && `${label(hit.seen)} (${Math.round(100 * hit.sure)} %)`],
      ["Taken", hit.taken && moment(hit.taken)],
      ["Folder", hit.folder && within],
      ["Camera", hit.camera],
      ["Place", hit.place && onMap(hit.place)],
      ["Stars", hit.stars === -1 ? "rejected" : stars],
      ["Score", hit.score.toFixed(3)],
      ["Size", `${hit.width} × ${hit.height} pixels`],
    ].filter(([, value]) => value);
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

// A place by its degrees, with a way to a map: it leads to another host only when it is followed.
function onMap([lat, lon]) {
  const at = `${Math.abs(lat).toFixed(4)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(4)}° ${lon < 0 ? "W" : "E"}`;
  const href = `${MAP}?mlat=${lat}&mlon=${lon}#map=14/${lat}/${lon}`;
  const link = element("a", { href, target: "_blank", rel: "noopener noreferrer" }, at);
  link.setAttribute("aria-label", `${at}, on OpenStreetMap in a new tab`);
  return link;
}
