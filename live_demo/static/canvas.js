// The canvas that is drawn on, by pointers and by keys.

import { SIDE } from "./drawing.js";
import { PalmRejection } from "./palm.js";
import { paint } from "./paint.js";

const STEP = 12;
const LEAP = 60;

export class Canvas extends EventTarget {
  #canvas;
  #drawing;
  #pen;
  #layer = document.createElement("canvas");
  #palm = new PalmRejection();
  #erasing = null;
  #cursor = null;
  #hover = null;
  #told = false;
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
    canvas.addEventListener("pointercancel", (event) => this.#cancel(event));
    canvas.addEventListener("pointerleave", () => this.#point(null));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#lift());
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    drawing.addEventListener("change", ({ detail }) => {
      if (detail !== "drawing" || this.#erasing) this.#repaintLayer();
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
    this.#lift();
    this.#palm.see(event);
    const does = this.#palm.down(event);
    if (does === "resting") this.dispatchEvent(new Event("resting"));
    if (does !== "draw" && does !== "take over") return;
    // The palm that came before its pen leaves no mark.
    if (does === "take over") this.#takeBack();
    this.#cursor = null;
    this.#told = false;
    this.#box = this.#canvas.getBoundingClientRect();
    this.#capture(event.pointerId);
    const spot = this.#place(event);
    if (this.tool === "eraser" || event.button === 5) {
      this.#beginErasing(spot);
    } else if (!this.#drawing.begin(spot.x, spot.y, this.width, pressureOf(event))) {
      this.#palm.up();
      this.#full("stroke");
      return;
    }
    this.dispatchEvent(new Event("start"));
  }

  #capture(pointer) {
    try {
      this.#canvas.setPointerCapture(pointer);
    } catch {
      // It has left by now; its lines end at the canvas's edge.
    }
  }

  #move(event) {
    this.#palm.see(event);
    if (!this.#palm.busy) this.#box = this.#canvas.getBoundingClientRect();
    const last = this.#place(event);
    this.#point(last);
    if (!this.#palm.draws(event)) return;
    // Between two frames a pen tells of many places: take them all.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      const spot = this.#place(each);
      if (this.#erasing) this.#erase(spot);
      else if (!this.#drawing.extend(spot.x, spot.y, pressureOf(each))) this.#full("stroke");
    }
  }

  #up(event) {
    this.#palm.see(event);
    if (!this.#palm.draws(event)) return;
    this.#palm.up();
    this.#finish(event.timeStamp);
  }

  // The system took the touch for something else: it is undone.
  #cancel(event) {
    if (!this.#palm.draws(event)) return;
    this.#palm.up();
    this.#takeBack();
    this.dispatchEvent(new Event("cancel"));
  }

  #takeBack() {
    this.#erasing = null;
    this.#drawing.cancel();
  }

  #beginErasing(spot) {
    this.#erasing = spot;
    this.#drawing.beginErasing();
    this.#erase(spot);
  }

  #erase(spot) {
    const { x, y } = this.#erasing;
    this.#erasing = { ...spot };
    if (!this.#drawing.erase(x, y, spot.x, spot.y, this.#radius())) this.#full("pieces");
  }

  // Says once a stroke that there is no room.
  #full(what) {
    if (!this.#told) this.dispatchEvent(new CustomEvent("full", { detail: what }));
    this.#told = true;
  }

  #finish(when) {
    if (this.#erasing) this.#drawing.endErasing();
    else this.#drawing.end();
    this.#erasing = null;
    this.dispatchEvent(new CustomEvent("penup", { detail: when }));
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || (!move && event.key !== " ")) return;
    event.preventDefault();
    this.#cursor ??= { x: SIDE / 2, y: SIDE / 2 };
    if (move) {
      const length = event.shiftKey ? LEAP : STEP;
      for (const [axis, sign] of [["x", move[0]], ["y", move[1]]]) {
        this.#cursor[axis] = Math.min(SIDE - 1, Math.max(0, this.#cursor[axis] + sign * length));
      }
      if (this.#erasing) this.#erase(this.#cursor);
      else if (!this.#drawing.extend(this.#cursor.x, this.#cursor.y)) this.#full("stroke");
    } else if (this.#drawing.active || this.#erasing) {
      this.#lift(event.timeStamp);
    } else {
      this.#told = false;
      if (this.tool === "eraser") this.#beginErasing({ ...this.#cursor });
      else if (!this.#drawing.begin(this.#cursor.x, this.#cursor.y, this.width)) return this.#full("stroke");
      this.dispatchEvent(new Event("start"));
    }
    this.repaint();
  }

  // Ends what keys began.
  #lift(when = performance.now()) {
    if (!this.#palm.busy && (this.#drawing.active || this.#erasing)) this.#finish(when);
  }
}

const pressureOf = (event) => (event.pointerType === "pen" && event.pressure > 0 ? event.pressure : null);
