// Filters: one chip a class, with its number of photos.

import { colour } from "./colours.js";
import { element } from "./results.js";
import { label, only } from "./words.js";

export class Filters extends EventTarget {
  #list;
  #all;
  #only;
  #chips = new Map();
  #chosen = new Set();

  constructor(list, all, only) {
    super();
    this.#list = list;
    this.#all = all;
    this.#only = only;
    only.addEventListener("click", () => {
      this.#chosen.clear();
      this.#press();
      this.dispatchEvent(new Event("change"));
    });
    all.addEventListener("click", () => {
      const open = list.classList.toggle("open");
      all.setAttribute("aria-expanded", open);
      all.textContent = open ? "Fewer" : `All ${this.#chips.size} classes`;
    });
    new ResizeObserver(() => this.#fit()).observe(list);
  }

  get known() {
    return this.#chips.size > 0;
  }

  get chosen() {
    return [...this.#chosen];
  }

  // Shows the classes that a view is of, and changes them from now on.
  use({ classes }) {
    this.#chosen = classes;
    this.#press();
  }

  learn(classes) {
    const unchanged = classes.length === this.#chips.size && classes.every(({ class: name, count }) => this.#chips.get(name)?.dataset.count === String(count));
    if (unchanged) return;
    this.#chips.clear();
    for (const { class: name, count } of classes) {
      const dot = element("span", { className: "dot", "aria-hidden": "true" });
      const chip = element("button", { type: "button", className: "chip" }, dot, label(name), element("span", { className: "number" }, String(count)));
      chip.dataset.count = count;
      chip.setAttribute("aria-label", `${label(name)}, ${count} photos`);
      chip.addEventListener("click", () => this.#toggle(name));
      this.#chips.set(name, chip);
    }
    for (const name of this.#chosen) if (!this.#chips.has(name)) this.#chosen.delete(name);
    this.#list.replaceChildren(...[...this.#chips.values()].map((chip) => element("li", {}, chip)));
    this.#press();
    this.recolour();
    this.#fit();
  }

  recolour() {
    for (const [name, chip] of this.#chips) chip.firstChild.style.background = colour(name);
  }

  // Marks the classes that the photos shown are of.
  highlight(hits) {
    const shown = new Set(hits.map((hit) => hit.class));
    for (const [name, chip] of this.#chips) chip.classList.toggle("shown", shown.has(name));
  }

  #toggle(name) {
    if (!this.#chosen.delete(name)) this.#chosen.add(name);
    this.#press();
    this.dispatchEvent(new Event("change"));
  }

  // Shows what is chosen: chips may be scrolled out of sight, the words never are.
  #press() {
    for (const [name, chip] of this.#chips) chip.setAttribute("aria-pressed", this.#chosen.has(name));
    this.#only.hidden = !this.#chosen.size;
    if (!this.#chosen.size) return;
    this.#only.textContent = `${only(this.chosen)} ×`;
    this.#only.setAttribute("aria-label", `${only(this.chosen)}: show every class again`);
  }

  #fit() {
    const open = this.#list.classList.contains("open");
    const hidden = this.#list.scrollWidth > this.#list.clientWidth + 1;
    this.#all.hidden = !open && !hidden;
    if (!open) this.#all.textContent = `All ${this.#chips.size} classes`;
  }
}
