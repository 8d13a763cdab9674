// Examples: drawings to start from, shipped as strokes.

import { SIDE } from "./drawing.js";
import { decode } from "./link.js";
import { paint } from "./paint.js";
import { element } from "./results.js";
import { start } from "./words.js";

const SMALL = 96;

export class Examples extends EventTarget {
  #list;
  #canvases = [];

  constructor(list) {
    super();
    this.#list = list;
  }

  async load() {
    const response = await fetch("/static/examples.json");
    if (!response.ok) return;
    for (const { name, drawing } of await response.json()) {
      const strokes = decode(drawing);
      if (!strokes) continue;
      const canvas = element("canvas", { width: 2 * SMALL, height: 2 * SMALL });
      const caption = element("span", { className: "caption" }, name);
      const button = element("button", { type: "button", title: name }, canvas, caption);
      button.setAttribute("aria-label", start(name));
      button.addEventListener("click", () => this.dispatchEvent(new CustomEvent("choose", { detail: strokes })));
      this.#list.append(element("li", {}, button));
      this.#canvases.push([canvas, strokes]);
    }
    this.recolour();
  }

  recolour() {
    for (const [canvas, strokes] of this.#canvases) {
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, canvas.width, canvas.height);
      const bold = strokes.map((stroke) => ({ ...stroke, width: Math.max(24, stroke.width) }));
      paint(pen, bold, canvas.width / SIDE, getComputedStyle(canvas).color);
    }
  }
}
