// Filters: one chip a class, with its number of photos: what people named, and then, told apart,
// what the model is sure to see. Before them what words in the box have brought: folders and tags.

import { colour } from "./colours.js";
import { element } from "./results.js";
import { SEEN, label, tagName, only, photos } from "./words.js";

// The two kinds, and the field of a hit that tells each.
const FIELDS = { classes: "class", seen: "seen" };
const MOST_TAGS = 20;

export class Filters extends EventTarget {
  #list;
  #all;
  #only;
  // By kind, and there by name.
  #chips = { classes: new Map(), seen: new Map() };
  #chosen = { classes: new Set(), seen: new Set() };
  #tags = new Map();

  constructor(list, all, only) {
    super();
    this.#list = list;
    this.#all = all;
    this.#only = only;
    only.addEventListener("click", () => {
      for (const kind in FIELDS) this.#chosen[kind].clear();
      this.#press();
      this.dispatchEvent(new Event("change"));
    });
    all.addEventListener("click", () => {
      const open = list.classList.toggle("open");
      all.setAttribute("aria-expanded", open);
      all.textContent = open ? "Fewer" : this.#every;
    });
    new ResizeObserver(() => this.#fit()).observe(list);
  }

  // As a search names them.
  get asked() {
    return { classes: [...this.#chosen.classes], seen_classes: [...this.#chosen.seen], tags: [...this.#tags.values()] };
  }

  get names() {
    return [...this.#chosen.classes, ...this.#chosen.seen, ...this.#tags.keys()];
  }

  // Shows the classes that a view is of, and changes them from now on.
  use({ classes, seen, tags }) {
    this.#chosen = { classes, seen };
    this.#tags = tags;
    this.#press();
  }

  // Chooses more: classes of either kind, and tags, {field, values, word}.
  choose({ classes = [], seen = [], tags = [] }) {
    for (const name of classes) this.#chosen.classes.add(name);
    for (const name of seen) this.#chosen.seen.add(name);
    for (const tag of tags) if (this.#tags.size < MOST_TAGS) this.#tags.set(tagName(tag), tag);
    this.#press();
    this.dispatchEvent(new Event("change"));
  }

  clear() {
    for (const kind in FIELDS) this.#chosen[kind].clear();
    this.#tags.clear();
    this.#press();
  }

  // Takes the classes with their numbers of photos. Where people named every photo, what the
  // model sees is not asked for.
  learn({ classes, seen, total }) {
    const named = classes.reduce((sum, { count }) => sum + count, 0);
    const given = { classes, seen: named < total ? seen : [] };
    if (Object.keys(FIELDS).every((kind) => this.#knows(kind, given[kind]))) return;
    const items = [];
    for (const kind in FIELDS) {
      this.#chips[kind] = new Map(given[kind].map((each) => [each.name, this.#make(kind, each)]));
      for (const name of this.#chosen[kind]) if (!this.#chips[kind].has(name)) this.#chosen[kind].delete(name);
      if (kind === "seen" && given.seen.length) items.push(element("li", { className: "kind" }, SEEN));
      items.push(...[...this.#chips[kind].values()].map((chip) => element("li", {}, chip)));
    }
    this.#list.replaceChildren(...items);
    this.#press();
    this.recolour();
    this.#fit();
  }

  recolour() {
    for (const [, name, chip] of this.#each()) chip.firstChild.style.color = colour(name);
  }

  // Marks the classes that the photos shown are of.
  highlight(hits) {
    for (const [kind, name, chip] of this.#each()) {
      chip.classList.toggle("shown", hits.some((hit) => hit[FIELDS[kind]] === name));
    }
  }

  get #count() {
    return this.#chips.classes.size + this.#chips.seen.size;
  }

  get #every() {
    return `All ${this.#count} classes`;
  }

  #knows(kind, given) {
    const chips = this.#chips[kind];
    return given.length === chips.size && given.every(({ name, count }) => chips.get(name)?.dataset.count === String(count));
  }

  #each() {
    return Object.keys(FIELDS).flatMap((kind) => [...this.#chips[kind]].map(([name, chip]) => [kind, name, chip]));
  }

  #make(kind, { name, count }) {
    const isSeen = kind === "seen";
    const dot = element("span", { className: isSeen ? "dot seen" : "dot", "aria-hidden": "true" });
    const chip = element("button", { type: "button", className: isSeen ? "chip seen" : "chip" }, dot, label(name), element("span", { className: "number" }, String(count)));
    chip.dataset.count = count;
    chip.setAttribute("aria-label", `${label(name)}, ${isSeen ? "seen on " : ""}${photos(count)}`);
    chip.addEventListener("click", () => this.#toggle(kind, name));
    return chip;
  }

  #toggle(kind, name) {
    if (!this.#chosen[kind].delete(name)) this.#chosen[kind].add(name);
    this.#press();
    this.dispatchEvent(new Event("change"));
  }

  #tag(name) {
    const chip = element("button", { type: "button", className: "chip" }, `${name} ×`);
    chip.setAttribute("aria-pressed", "true");
    chip.setAttribute("aria-label", `Only ${name}: take the filter away`);
    chip.addEventListener("click", () => {
      this.#tags.delete(name);
      this.#press();
      this.dispatchEvent(new Event("change"));
    });
    return element("li", { className: "tag" }, chip);
  }

  // Shows what is chosen: chips may be scrolled out of sight, the words never are.
  #press() {
    for (const [kind, name, chip] of this.#each()) chip.setAttribute("aria-pressed", this.#chosen[kind].has(name));
    for (const item of this.#list.querySelectorAll(".tag")) item.remove();
    this.#list.prepend(...[...this.#tags.keys()].map((name) => this.#tag(name)));
    this.#list.parentElement.hidden = !this.#count && !this.#tags.size;
    const names = [...this.#chosen.classes, ...this.#chosen.seen];
    this.#only.hidden = !names.length;
    if (!names.length) return;
    this.#only.textContent = `${only(names)} ×`;
    this.#only.setAttribute("aria-label", `${only(names)}: show every class again`);
  }

  #fit() {
    const open = this.#list.classList.contains("open");
    const hidden = this.#list.scrollWidth > this.#list.clientWidth + 1;
    this.#all.hidden = !open && !hidden;
    if (!open) this.#all.textContent = this.#every;
  }
}
