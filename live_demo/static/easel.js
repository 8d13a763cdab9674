// The easel: the canvas that is drawn on, by pointers and by keys.

import { SIDE, swell } from "./drawing.js";

const STEP = 12;
const LEAP = 60;

export class Easel extends EventTarget {
  #canvas;
  #drawing;
  #pen;
  #layer = document.createElement("canvas");
  #pointer = null;
  #erasing = null;
  #cursor = null;
  #hover = null;
  #sawPen = false;
  #waiting = false;
  #box = null;
  tool = "pen";
  width = 14;

  constructor(canvas, drawing) {
    super();
    this.#canvas = canvas;
    this.#drawing = drawing;
    this.#pen = canvas.getContext("2d");
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.#up(event));
    canvas.addEventListener("pointerleave", () => this.#point(null));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#lift());
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    drawing.addEventListener("change", ({ detail }) => {
      if (detail === "finished" || this.#erasing) this.#repaintLayer();
      this.repaint();
    });
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  repaint() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#paint();
    });
  }

  recolour() {
    this.#repaintLayer();
    this.repaint();
  }

  #resize() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    if (!side || this.#canvas.width === side) return;
    for (const canvas of [this.#canvas, this.#layer]) canvas.width = canvas.height = side;
    this.#repaintLayer();
    this.#paint();
  }

  #repaintLayer() {
    const pen = this.#layer.getContext("2d");
    pen.clearRect(0, 0, this.#layer.width, this.#layer.height);
    paint(pen, this.#drawing.finished, this.#layer.width / SIDE, this.#ink());
  }

  #paint() {
    const pen = this.#pen;
    const { width } = this.#canvas;
    pen.clearRect(0, 0, width, width);
    if (this.#layer.width) pen.drawImage(this.#layer, 0, 0);
    if (this.#drawing.active) paint(pen, [this.#drawing.active], width / SIDE, this.#ink());
    const spot = this.#cursor ?? (this.tool === "eraser" ? this.#hover : null);
    if (spot) this.#paintCursor(pen, spot, width / SIDE);
  }

  #paintCursor(pen, { x, y }, scale) {
    const radius = this.tool === "eraser" ? this.#radius() : Math.max(8, this.width / 2);
    pen.strokeStyle = getComputedStyle(this.#canvas).getPropertyValue("--accent");
    pen.lineWidth = 2 * devicePixelRatio;
    pen.beginPath();
    pen.arc(x * scale, y * scale, radius * scale, 0, 2 * Math.PI);
    pen.stroke();
  }

  #ink() {
    return getComputedStyle(this.#canvas).color;
  }

  #radius() {
    return 12 + this.width;
  }

  #place(event) {
    const { left, top, width, height } = this.#box;
    return { x: ((event.clientX - left) / width) * SIDE, y: ((event.clientY - top) / height) * SIDE };
  }

  #point(spot) {
    this.#hover = spot;
    if (this.tool === "eraser") this.repaint();
  }

  #down(event) {
    if (this.#pointer !== null || (event.button !== 0 && event.button !== 5)) return;
    if (event.pointerType === "pen") this.#sawPen = true;
    // Whoever has a pen rests the hand on the glass.
    if (event.pointerType === "touch" && this.#sawPen) return;
    this.#lift();
    this.#cursor = null;
    this.#box = this.#canvas.getBoundingClientRect();
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    const spot = this.#place(event);
    if (this.tool === "eraser" || event.button === 5) {
      this.#erasing = spot;
      this.#drawing.beginErasing();
      this.#drawing.erase(spot.x, spot.y, spot.x, spot.y, this.#radius());
    } else if (!this.#drawing.begin(spot.x, spot.y, this.width, pressureOf(event))) {
      this.dispatchEvent(new Event("full"));
      this.#pointer = null;
    }
    this.dispatchEvent(new Event("start"));
  }

  #move(event) {
    if (this.#pointer === null) this.#box = this.#canvas.getBoundingClientRect();
    const last = this.#place(event);
    this.#point(last);
    if (event.pointerId !== this.#pointer) return;
    // Between two frames a pen tells of many places: take them all.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      const spot = this.#place(each);
      if (this.#erasing) {
        this.#drawing.erase(this.#erasing.x, this.#erasing.y, spot.x, spot.y, this.#radius());
        this.#erasing = spot;
      } else {
        this.#drawing.extend(spot.x, spot.y, pressureOf(each));
      }
    }
  }

  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    if (this.#erasing) {
      this.#drawing.endErasing();
      this.#erasing = null;
    } else {
      this.#drawing.end();
    }
    this.dispatchEvent(new CustomEvent("penup", { detail: event.timeStamp }));
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || (!move && event.key !== " ")) return;
    event.preventDefault();
    this.#cursor ??= { x: SIDE / 2, y: SIDE / 2 };
    if (move) {
      const length = event.shiftKey ? LEAP : STEP;
      const from = { ...this.#cursor };
      for (const [axis, sign] of [["x", move[0]], ["y", move[1]]]) {
        this.#cursor[axis] = Math.min(SIDE - 1, Math.max(0, this.#cursor[axis] + sign * length));
      }
      if (this.tool === "eraser" && this.#erasing) {
        this.#drawing.erase(from.x, from.y, this.#cursor.x, this.#cursor.y, this.#radius());
      } else if (this.#drawing.active) {
        this.#drawing.extend(this.#cursor.x, this.#cursor.y);
      }
    } else if (this.#drawing.active || this.#erasing) {
      this.#lift(event.timeStamp);
    } else if (this.tool === "eraser") {
      this.#erasing = { ...this.#cursor };
      this.#drawing.beginErasing();
      this.#drawing.erase(this.#cursor.x, this.#cursor.y, this.#cursor.x, this.#cursor.y, this.#radius());
    } else {
      this.#drawing.begin(this.#cursor.x, this.#cursor.y, this.width);
      this.dispatchEvent(new Event("start"));
    }
    this.repaint();
  }

  // Ends what keys began.
  #lift(when = performance.now()) {
    if (this.#pointer !== null || !(this.#drawing.active || this.#erasing)) return;
    if (this.#erasing) this.#drawing.endErasing();
    else this.#drawing.end();
    this.#erasing = null;
    this.dispatchEvent(new CustomEvent("penup", { detail: when }));
  }
}

const pressureOf = (event) => (event.pointerType === "pen" && event.pressure > 0 ? event.pressure : null);

// Paints strokes, `scale` pixels a unit.
export function paint(pen, strokes, scale, colour) {
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineCap = pen.lineJoin = "round";
  for (const { x, y, width, pressure } of strokes) {
    if (x.length === 1) {
      pen.beginPath();
      pen.arc(x[0] * scale, y[0] * scale, (width / 2) * scale, 0, 2 * Math.PI);
      pen.fill();
    } else if (pressure) {
      for (let i = 1; i < x.length; i++) {
        pen.lineWidth = width * swell((pressure[i - 1] + pressure[i]) / 2) * scale;
        pen.beginPath();
        pen.moveTo(x[i - 1] * scale, y[i - 1] * scale);
        pen.lineTo(x[i] * scale, y[i] * scale);
        pen.stroke();
      }
    } else {
      pen.lineWidth = width * scale;
      pen.beginPath();
      pen.moveTo(x[0] * scale, y[0] * scale);
      // Through the middles of the pieces, so that the line has no corners of the raster.
      for (let i = 1; i < x.length - 1; i++) {
        const [mx, my] = [(x[i] + x[i + 1]) / 2, (y[i] + y[i + 1]) / 2];
        pen.quadraticCurveTo(x[i] * scale, y[i] * scale, mx * scale, my * scale);
      }
      pen.lineTo(x.at(-1) * scale, y.at(-1) * scale);
      pen.stroke();
    }
  }
}
