// Folders: the way down to the chosen one, and the folders right below it with their photos.

import { element } from "./results.js";
import { ALL_FOLDERS, photos } from "./words.js";

export class Folders extends EventTarget {
  #panel;
  #place;
  #way = element("ol", { className: "way" });
  #list = element("ul", { className: "folders" });
  #key = null;
  #classes = new Set();
  // Whether the gallery has folders to choose from: those that only are its classes are chips.
  any = false;

  constructor(panel, place) {
    super();
    this.#panel = panel;
    this.#place = place;
    const nav = element("nav", {}, this.#way);
    nav.setAttribute("aria-label", "The chosen folder");
    this.#list.setAttribute("aria-label", "Folders in it");
    panel.append(nav, this.#list);
  }

  // Takes the classes that people named.
  set classes(names) {
    this.#classes = new Set(names);
  }

  // Asks for the folders below the chosen one, unless they are there.
  async learn({ anew = false } = {}) {
    const { folder, gallery, days } = this.#place;
    const key = JSON.stringify([folder, gallery, days]);
    if (key === this.#key && !anew) return;
    this.#key = key;
    const found = await ask({ parent: folder, gallery, ...days });
    if (key !== this.#key) return;
    // The next look asks again.
    if (!found) return void (this.#key = null);
    this.any = Boolean(folder) || found.some(({ name }) => !this.#classes.has(name));
    this.#show(folder, found);
    this.dispatchEvent(new Event("listed"));
  }

  #show(folder, found) {
    const held = this.#panel.contains(document.activeElement);
    const parts = folder ? folder.split("/") : [];
    const steps = [["", ALL_FOLDERS], ...parts.map((name, at) => [parts.slice(0, at + 1).join("/"), name])];
    this.#way.replaceChildren(...steps.map(([path, name]) => {
      const step = this.#button(path, name);
      if (path === folder) step.setAttribute("aria-current", "true");
      return element("li", {}, step);
    }));
    this.#list.replaceChildren(...found.map(({ name, count }) => {
      const button = this.#button(name, name.slice(name.lastIndexOf("/") + 1));
      button.append(element("span", { className: "number" }, String(count)));
      button.setAttribute("aria-label", `${name}, ${photos(count)}`);
      return element("li", {}, button);
    }));
    // What was pressed has gone.
    if (held) (this.#list.querySelector("button") ?? this.#way.lastChild.firstChild).focus();
  }

  #button(path, name) {
    const button = element("button", { type: "button", className: "small" }, name);
    button.addEventListener("click", () => this.#place.change({ in: path }));
    return button;
  }
}

async function ask(what) {
  try {
    const response = await fetch(`/folders?${new URLSearchParams(what)}`, { signal: AbortSignal.timeout(10_000) });
    return response.ok ? (await response.json()).folders : null;
  } catch {
    return null;
  }
}
