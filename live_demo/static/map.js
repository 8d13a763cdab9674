// How it sees: the gallery as dots on a plane, and the sketch walking among them.
//
// The dots are painted once into a layer; each frame copies the layer and draws what
// moves, so ten thousand dots cost no more than ten.

import { colour, isDark } from "./colours.js";
import { place } from "./labels.js";
import { kind, label } from "./words.js";

const MAGIC = "SZMAP1\0\0";
const TRAIL = 80;
const MARGIN = 0.05;
// Photos that nobody named and of which the model is not sure.
const NOBODYS = "#8a8c86";

export class GalleryMap extends EventTarget {
  #canvas;
  #pen;
  #layer = document.createElement("canvas");
  #points = null;
  #classes = [];
  #ids = null;
  #spot = null;
  #target = null;
  #trail = [];
  #hits = [];
  #frame = 0;

  constructor(canvas) {
    super();
    this.#canvas = canvas;
    this.#pen = canvas.getContext("2d");
    new ResizeObserver(() => this.#resize()).observe(canvas);
    canvas.addEventListener("pointermove", (event) => this.#seek(event));
    canvas.addEventListener("pointerleave", () => this.#tell("leave", null));
    canvas.addEventListener("click", (event) => this.#seek(event, "choose"));
  }

  get size() {
    return this.#points ? this.#points.length / 3 : 0;
  }

  // Fetches the map; false where the gateway has none.
  async load() {
    const response = await fetch("/map");
    if (!response.ok) return false;
    this.read(await response.arrayBuffer());
    return true;
  }

  read(buffer) {
    const view = new DataView(buffer);
    const text = new TextDecoder();
    if (text.decode(new Uint8Array(buffer, 0, 8)) !== MAGIC) throw new Error("the map has another format");
    const [count, bytes] = [view.getUint32(8, true), view.getUint32(12, true)];
    this.#points = new Uint16Array(3 * count);
    for (let i = 0; i < 3 * count; i++) this.#points[i] = view.getUint16(16 + 2 * i, true);
    this.#ids = new Uint8Array(buffer, 16 + 6 * count, 16 * count);
    this.#classes = text.decode(new Uint8Array(buffer, 16 + 22 * count, bytes)).split("\n");
    this.recolour();
  }

  // Lets the sketch walk to `at`, [x, y] in 0..1; null takes it off the map.
  walk(at, hits) {
    this.#hits = hits.map((hit) => hit.at).filter(Boolean);
    if (!at) {
      this.#spot = this.#target = null;
      this.#trail = [];
    } else {
      this.#target = at;
      if (!this.#spot || matchMedia("(prefers-reduced-motion: reduce)").matches) this.#spot = [...at];
    }
    const names = [...new Set(hits.slice(0, 6).map(kind).filter(Boolean).map(label))].slice(0, 3);
    const near = at && names.length ? ` Your sketch lies near ${names.join(", ")}.` : "";
    this.#canvas.setAttribute("aria-label", `Map of ${this.size} photos.${near}`);
    this.#wake();
  }

  recolour() {
    this.#paintLayer();
    this.#wake();
  }

  #wake() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#tick());
  }

  #tick() {
    this.#frame = 0;
    let moving = false;
    if (this.#target && this.#spot) {
      const [dx, dy] = [this.#target[0] - this.#spot[0], this.#target[1] - this.#spot[1]];
      moving = Math.hypot(dx, dy) > 0.0005;
      this.#spot = moving ? [this.#spot[0] + dx * 0.16, this.#spot[1] + dy * 0.16] : [...this.#target];
      if (moving) this.#trail.push([...this.#spot]);
    }
    if (this.#trail.length > (moving ? TRAIL : 0)) this.#trail.shift();
    this.#paint();
    if (moving || this.#trail.length) this.#wake();
  }

  #resize() {
    const [width, height] = [this.#canvas.clientWidth, this.#canvas.clientHeight].map((side) => Math.round(side * devicePixelRatio));
    if (!width || !height) return;
    for (const canvas of [this.#canvas, this.#layer]) [canvas.width, canvas.height] = [width, height];
    this.recolour();
  }

  #x(x) {
    return (MARGIN + x * (1 - 2 * MARGIN)) * this.#layer.width;
  }

  #y(y) {
    return (MARGIN + y * (1 - 2 * MARGIN)) * this.#layer.height;
  }

  #paintLayer() {
    const points = this.#points;
    if (!points || !this.#layer.width) return;
    const pen = this.#layer.getContext("2d");
    const dark = isDark();
    pen.clearRect(0, 0, this.#layer.width, this.#layer.height);
    const many = points.length / 3;
    const radius = (many > 4000 ? 1.5 : many > 1200 ? 2.1 : 2.8) * devicePixelRatio;
    const byClass = this.#classes.map(() => []);
    for (let i = 0; i < points.length; i += 3) byClass[points[i + 2]].push(i);
    pen.globalAlpha = many > 4000 ? 0.7 : 0.85;
    byClass.forEach((members, index) => {
      pen.fillStyle = this.#classes[index] ? colour(this.#classes[index], dark) : NOBODYS;
      pen.beginPath();
      for (const i of members) {
        const [x, y] = [this.#x(points[i] / 65535), this.#y(points[i + 1] / 65535)];
        pen.moveTo(x + radius, y);
        pen.arc(x, y, radius, 0, 2 * Math.PI);
      }
      pen.fill();
    });
    pen.globalAlpha = 1;
    this.#paintNames(pen, byClass);
  }

  // Names the classes where there is room, the largest first.
  #paintNames(pen, byClass) {
    const style = getComputedStyle(this.#canvas);
    const size = 12 * devicePixelRatio;
    pen.font = `600 ${size}px ${style.fontFamily}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    pen.lineWidth = 4 * devicePixelRatio;
    const largest = byClass.map((members, index) => [members, index]).filter(([members, index]) => members.length && this.#classes[index]);
    largest.sort((a, b) => b[0].length - a[0].length);
    const names = largest.map(([members, index]) => {
      const text = label(this.#classes[index]);
      return { text, width: pen.measureText(text).width, height: 1.2 * size, box: this.#box(members) };
    });
    pen.strokeStyle = style.getPropertyValue("--paper");
    pen.fillStyle = style.color;
    for (const { text, x, y } of place(names, this.#layer.width, this.#layer.height, 2 * devicePixelRatio)) {
      pen.strokeText(text, x, y);
      pen.fillText(text, x, y);
    }
  }

  // Where most of a class lies, whatever strays: left, top, right and bottom in pixels.
  #box(members) {
    const at = (axis, share) => members.map((i) => this.#points[i + axis]).sort((a, b) => a - b)[Math.floor((members.length - 1) * share)] / 65535;
    return [this.#x(at(0, 0.25)), this.#y(at(1, 0.05)), this.#x(at(0, 0.75)), this.#y(at(1, 0.95))];
  }

  #paint() {
    const pen = this.#pen;
    const style = getComputedStyle(this.#canvas);
    const accent = style.getPropertyValue("--accent");
    pen.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    pen.globalAlpha = this.#spot ? 0.55 : 1;
    if (this.#layer.width) pen.drawImage(this.#layer, 0, 0);
    pen.globalAlpha = 1;
    if (!this.#spot) return;
    const unit = devicePixelRatio;
    const [x, y] = [this.#x(this.#spot[0]), this.#y(this.#spot[1])];
    pen.strokeStyle = accent;
    pen.lineWidth = 1.2 * unit;
    pen.globalAlpha = 0.45;
    pen.beginPath();
    for (const [hx, hy] of this.#hits) {
      pen.moveTo(x, y);
      pen.lineTo(this.#x(hx), this.#y(hy));
    }
    pen.stroke();
    pen.globalAlpha = 0.9;
    pen.beginPath();
    for (const [hx, hy] of this.#hits) {
      pen.moveTo(this.#x(hx) + 4.5 * unit, this.#y(hy));
      pen.arc(this.#x(hx), this.#y(hy), 4.5 * unit, 0, 2 * Math.PI);
    }
    pen.stroke();
    this.#trail.forEach(([tx, ty], index) => {
      pen.globalAlpha = (0.5 * index) / this.#trail.length;
      pen.beginPath();
      pen.arc(this.#x(tx), this.#y(ty), 3 * unit, 0, 2 * Math.PI);
      pen.fillStyle = accent;
      pen.fill();
    });
    pen.globalAlpha = 1;
    pen.fillStyle = accent;
    pen.strokeStyle = style.getPropertyValue("--paper");
    pen.lineWidth = 3 * unit;
    pen.beginPath();
    pen.arc(x, y, 8 * unit, 0, 2 * Math.PI);
    pen.stroke();
    pen.fill();
  }

  // Tells which photo lies under the pointer.
  #seek(event, what = "over") {
    if (!this.#points) return;
    const scale = devicePixelRatio;
    const [px, py] = [event.offsetX * scale, event.offsetY * scale];
    let best = 14 * scale;
    let at = -1;
    for (let i = 0; i < this.#points.length; i += 3) {
      const away = Math.hypot(this.#x(this.#points[i] / 65535) - px, this.#y(this.#points[i + 1] / 65535) - py);
      if (away < best) [best, at] = [away, i];
    }
    if (at < 0) return this.#tell("leave", null);
    const hex = Array.from(this.#ids.subarray((at / 3) * 16, (at / 3) * 16 + 16), (b) => b.toString(16).padStart(2, "0")).join("");
    const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    const spot = { id, class: this.#classes[this.#points[at + 2]] };
    this.#tell(what, { ...spot, x: this.#x(this.#points[at] / 65535) / scale, y: this.#y(this.#points[at + 1] / 65535) / scale });
  }

  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
}
