// Where to look: the choice of gallery, folder, days and order that stands above the photos.

import { Folders } from "./folders.js";
import { element } from "./results.js";
import { days, folder } from "./words.js";

const $ = (id) => document.getElementById(id);
const MOST_YEARS = 12;

export class Where {
  #place;
  #folders;
  #taken = [];
  // The service's own gallery, which has no name in the address.
  #own = "";

  constructor(place) {
    this.#place = place;
    this.#folders = new Folders($("folder-panel"), place);
    for (const name of ["folder", "days"]) {
      $(`${name}-open`).addEventListener("click", () => this.#turn(name));
      $(`${name}-panel`).addEventListener("keydown", ({ key }) => key === "Escape" && this.#turn(name, false));
    }
    $("folder-clear").addEventListener("click", () => this.#clear("folder", { in: "" }));
    $("days-clear").addEventListener("click", () => this.#clear("days", { from: "", to: "" }));
    $("from").addEventListener("change", () => place.change({ from: $("from").value }));
    $("to").addEventListener("change", () => place.change({ to: $("to").value }));
    $("order").addEventListener("change", () => place.change({ sort: $("order").value }));
    $("gallery").addEventListener("change", ({ target }) => place.change({ gallery: target.value === this.#own ? "" : target.value }));
    this.#folders.addEventListener("listed", () => this.#show());
    for (const kind of ["read", "change"]) place.addEventListener(kind, () => this.#moved());
  }

  // Takes what the gateway says of the gallery.
  learn({ gallery, galleries, classes, taken }) {
    this.#taken = taken;
    if (!this.#place.gallery) this.#own = gallery;
    this.#folders.classes = classes.map((each) => each.name);
    const names = [...$("gallery").options].map((each) => each.value);
    if (names.join("\n") !== galleries.join("\n")) {
      $("gallery").replaceChildren(...galleries.map((name) => element("option", { value: name }, name)));
    }
    $("gallery").value = gallery;
    $("gallery-choice").hidden = galleries.length < 2;
    const [first, last] = taken;
    for (const id of ["from", "to"]) [$(id).min, $(id).max] = [first ?? "", last ?? ""];
    const years = first ? range(Number(first.slice(0, 4)), Number(last.slice(0, 4))) : [];
    $("years").replaceChildren(...(years.length > MOST_YEARS ? [] : years).map((year) => this.#year(year)));
    this.#folders.learn();
    this.#show();
  }

  // What was added may lie in folders that were not there.
  refresh() {
    this.#folders.learn({ anew: true });
  }

  #year(year) {
    const button = element("button", { type: "button", className: "small", value: String(year) }, String(year));
    button.addEventListener("click", () => this.#place.change({ from: `${year}-01-01`, to: `${year}-12-31` }));
    return element("li", {}, button);
  }

  #moved() {
    this.#folders.learn();
    this.#show();
  }

  #show() {
    const { folder: chosen, from, to, order } = this.#place;
    const [hasFolders, hasDays] = [chosen || this.#folders.any, from || to || this.#taken.length];
    $("folder-choice").hidden = !hasFolders;
    $("days-choice").hidden = !hasDays;
    $("order-choice").hidden = !this.#taken.length;
    if (!hasFolders) this.#turn("folder", false);
    if (!hasDays) this.#turn("days", false);
    $("where").hidden = !(hasFolders || hasDays || !$("gallery-choice").hidden);
    this.#say("folder", folder(chosen), chosen);
    this.#say("days", days(from, to), from || to);
    [$("from").value, $("to").value, $("order").value] = [from, to, order];
    for (const button of $("years").querySelectorAll("button")) {
      const whole = from === `${button.value}-01-01` && to === `${button.value}-12-31`;
      button.setAttribute("aria-pressed", whole);
    }
  }

  #say(name, text, isChosen) {
    $(`${name}-open`).textContent = text;
    $(`${name}-open`).classList.toggle("chosen", Boolean(isChosen));
    $(`${name}-clear`).hidden = !isChosen;
  }

  #clear(name, change) {
    this.#place.change(change);
    $(`${name}-open`).focus();
  }

  // Opens a panel, or closes it; of the two one is open.
  #turn(name, on = $(`${name}-panel`).hidden) {
    const other = name === "folder" ? "days" : "folder";
    if (on) this.#turn(other, false);
    const held = $(`${name}-panel`).contains(document.activeElement);
    $(`${name}-panel`).hidden = !on;
    $(`${name}-open`).setAttribute("aria-expanded", on);
    if (!on && held) $(`${name}-open`).focus();
    if (on && name === "folder") this.#folders.learn();
  }
}

const range = (first, last) => Array.from({ length: last - first + 1 }, (_, at) => first + at);
