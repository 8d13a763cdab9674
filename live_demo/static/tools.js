// Tools: the pen's and the eraser's buttons, the stroke's width, and the drawing to keep.

import { SIDE } from "./drawing.js";
import { paint } from "./paint.js";
import { element } from "./results.js";

const STEP = 2;
const $ = (id) => document.getElementById(id);

export class Tools {
  #canvas;

  constructor(canvas) {
    this.#canvas = canvas;
    $("width").addEventListener("input", () => (canvas.width = Number($("width").value)));
  }

  choose(tool) {
    this.#canvas.tool = tool;
    for (const name of ["pen", "eraser"]) $(name).setAttribute("aria-pressed", name === tool);
    this.#canvas.repaint();
  }

  // Lets what makes sense be pressed; a picture lies over the drawing.
  enable(drawing, isPicture) {
    for (const id of ["download", "link"]) $(id).disabled = drawing.isEmpty;
    $("clear").disabled = drawing.isEmpty && !isPicture;
    $("undo").disabled = !drawing.canUndo;
    $("redo").disabled = !drawing.canRedo;
    $("invitation").hidden = !drawing.isEmpty || isPicture;
  }

  // Makes the strokes to come wider by so many steps.
  widen(steps) {
    $("width").value = Number($("width").value) + steps * STEP;
    $("width").dispatchEvent(new Event("input"));
  }
}

// Hands the strokes out as a PNG, black on white whatever the page's colours are.
export function download(strokes) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, SIDE, SIDE);
  paint(pen, strokes, 1, "#000");
  canvas.toBlob((blob) => {
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: "sketch.png" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }, "image/png");
}
