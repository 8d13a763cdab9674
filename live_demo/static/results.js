// The photos found: tiles that move rather than blink, and what can be done with each.

import { colour } from "./colours.js";
import { load, thumbnail } from "./photo.js";
import { LESS_ALIKE, MORE, alike as nearly, day, kind, label, lost, such, title } from "./words.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");

// Makes an element: element("p", {className: "x"}, "text", child).
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function icon(path) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(space, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

// A link to where a photo of the web lies.
export function original(hit, text) {
  const link = element("a", { href: hit.original, target: "_blank", rel: "noopener noreferrer" }, text);
  link.setAttribute("aria-label", `The original of ${such(hit)}, in a new tab`);
  return link;
}

const UP = "M7.5 11v9H4.5v-9zM7.5 18.5c2 1.3 4 1.5 6.5 1.5 2.5 0 4-.8 4.6-3l1-4c.4-1.7-.4-2.5-2-2.5h-4c.6-2 .8-3.5.5-5-.3-1.3-1.9-1.6-2.4-.4-.9 2.3-2 4.2-4.2 6";
const DOWN = "M7.5 13V4H4.5v9zM7.5 5.5c2-1.3 4-1.5 6.5-1.5 2.5 0 4 .8 4.6 3l1 4c.4 1.7-.4 2.5-2 2.5h-4c.6 2 .8 3.5.500 5-.3 1.3-1.9 1.6-2.4.4-.9-2.3-2-4.2-4.2-6";

export class Results extends EventTarget {
  #grid;
  #tiles = new Map();
  #divide = element("li", { className: "divide" }, LESS_ALIKE);

  constructor(grid) {
    super();
    this.#grid = grid;
  }

  // Shows these hits, best first; after `alike` of them come those that are less like it.
  show(hits, alike = hits.length) {
    const before = this.#places();
    const wanted = new Map();
    for (const hit of hits) {
      const tile = this.#tiles.get(hit.id) ?? this.#make(hit);
      this.#update(tile, hit);
      wanted.set(hit.id, tile);
    }
    const focused = document.activeElement?.closest?.(".tile");
    for (const [id, tile] of this.#tiles) if (!wanted.has(id)) tile.item.remove();
    const items = [...wanted.values()].map(({ item }) => item);
    items.forEach((item, index) => item.classList.toggle("tail", index >= alike));
    if (alike > 0 && alike < items.length) items.splice(alike, 0, this.#divide);
    else this.#divide.remove();
    let previous = null;
    for (const item of items) {
      const next = previous ? previous.nextSibling : this.#grid.firstChild;
      if (item !== next) this.#grid.insertBefore(item, next);
      previous = item;
    }
    this.#tiles = wanted;
    if (focused && !focused.isConnected) this.#grid.querySelector("button")?.focus({ preventScroll: true });
    this.#move(before);
  }

  // Resolves when the photos shown are there to be painted.
  async painted() {
    const images = [...this.#tiles.values()].slice(0, 12).map(({ image }) => image);
    await Promise.all(images.map((image) => image.decode().catch(() => null)));
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  }

  mark(liked, disliked) {
    for (const [id, { like, dislike }] of this.#tiles) {
      like.setAttribute("aria-pressed", liked.has(id));
      dislike.setAttribute("aria-pressed", disliked.has(id));
    }
  }

  faint(on) {
    this.#grid.classList.toggle("faint", on);
  }

  #make(hit) {
    const name = title(hit);
    const image = element("img", { alt: name, width: 320, height: 320, draggable: false });
    const score = element("span", { className: "score" });
    const dot = element("span", { className: "dot", "aria-hidden": "true" });
    const caption = element("span", { className: "caption" }, dot, element("span", { className: "name" }, name), score);
    const open = element("button", { type: "button", className: "open" }, image, caption);
    // What nobody named is known by its file; what the model sees and when it was taken help.
    const about = hit.class ? [] : [hit.seen && label(hit.seen), hit.taken && day(hit.taken)].filter(Boolean);
    if (about.length) open.append(element("span", { className: "about" }, about.join(" · ")));
    const alike = element("span", { className: "alike", "aria-hidden": "true" });
    open.append(alike);
    const like = element("button", { type: "button", className: "vote", title: "More like this one" }, icon(UP));
    const dislike = element("button", { type: "button", className: "vote", title: "Less like this one" }, icon(DOWN));
    const follow = element("button", { type: "button", className: "small follow" }, MORE);
    follow.setAttribute("aria-label", `${MORE}: photos like ${such(hit)}`);
    const item = element("li", { className: "tile" }, open, element("span", { className: "votes" }, like, dislike), follow);
    const tile = { item, image, score, dot, alike, like, dislike, open, hit };
    open.addEventListener("click", () => this.#tell("open", tile.hit));
    follow.addEventListener("click", () => this.#tell("follow", tile.hit));
    like.addEventListener("click", () => this.#tell("like", tile.hit));
    dislike.addEventListener("click", () => this.#tell("dislike", tile.hit));
    load(image, thumbnail(hit.id), (reason) => this.#lose(tile, reason));
    like.setAttribute("aria-label", `Like: more photos such as ${such(hit)}`);
    dislike.setAttribute("aria-label", `Dislike: fewer photos such as ${such(hit)}`);
    for (const button of [like, dislike]) button.setAttribute("aria-pressed", "false");
    return tile;
  }

  #update(tile, hit) {
    tile.hit = hit;
    tile.score.textContent = hit.score.toFixed(2);
    tile.dot.hidden = !kind(hit);
    tile.dot.classList.toggle("seen", !hit.class);
    tile.dot.style.color = colour(kind(hit));
    tile.alike.hidden = !hit.alike;
    tile.alike.textContent = hit.alike ? `+${hit.alike}` : "";
    const parts = [title(hit), !hit.class && hit.seen && `seen: ${label(hit.seen)}`, `score ${hit.score.toFixed(2)}`, hit.alike && nearly(hit.alike)];
    tile.open.setAttribute("aria-label", `${parts.filter(Boolean).join(", ")}: details`);
  }

  // Says in the photo's place why it is not there, and where it lies.
  #lose({ hit, item, open, image }, reason) {
    open.classList.add("missing");
    image.replaceWith(element("span", { className: "lost" }, lost(reason, hit.original)));
    if (!hit.original) return;
    const link = original(hit, "Open the original");
    link.classList.add("original");
    item.append(link);
  }

  #tell(what, hit) {
    this.dispatchEvent(new CustomEvent(what, { detail: hit }));
  }

  #places() {
    const places = new Map();
    if (STILL.matches) return places;
    for (const [id, { item }] of this.#tiles) places.set(id, [item.offsetLeft, item.offsetTop]);
    return places;
  }

  // Lets tiles glide from where they were, and new ones come up.
  #move(before) {
    if (STILL.matches) return;
    const easing = "cubic-bezier(.2,.7,.2,1)";
    const moves = [];
    for (const [id, { item }] of this.#tiles) {
      const from = before.get(id);
      const [dx, dy] = from ? [from[0] - item.offsetLeft, from[1] - item.offsetTop] : [0, 0];
      if (!from) moves.push([item, [{ opacity: 0.4, transform: "scale(.97)" }, {}]]);
      else if (dx || dy) moves.push([item, [{ transform: `translate(${dx}px,${dy}px)` }, {}]]);
    }
    for (const [item, frames] of moves) item.animate(frames, { duration: 180, easing });
  }
}
