// Sketching: what the pen's lines, and steps through their history, begin, go on with and take back.

import { canvas, drawing, examples, pictures, refinement, textBox, toast, views } from "./parts.js";
import * as words from "./words.js";

// Wires the canvas to the page's searches; returns how a change of the drawing is made.
export function sketching({ begin, search, searchNow, tell }) {
  drawing.addEventListener("change", ({ detail }) => {
    if (detail === "finished" && views.current.isDrawing) views.current.strokes = drawing.finished;
    if (canvas.tool === "pen" && drawing.active) search({ urgent: false });
    tell();
  });

  // A line drawn over something else begins a query; taken back, so is that.
  let began = false;
  canvas.addEventListener("start", () => {
    pictures.cancel();
    if (!views.current.isDrawing) {
      began = true;
      begin();
    } else if (!drawing.finished.length && !textBox.asked.text && !refinement.isEmpty) {
      refinement.reset();
    }
  });
  canvas.addEventListener("penup", ({ detail }) => {
    began = false;
    search({ penUp: detail });
  });
  canvas.addEventListener("cancel", () => {
    if (began) views.retract();
    else searchNow();
    began = false;
  });
  canvas.addEventListener("full", ({ detail }) => toast.say(words.FULL[detail]));
  canvas.addEventListener("resting", () => toast.say(words.RESTING), { once: true });

  examples.addEventListener("choose", ({ detail }) => begin({}, () => drawing.load(detail)));

  // Steps through the drawing's history go on with its query; over something else they begin one.
  return (change) => {
    if (!views.current.isDrawing) return begin({}, change);
    pictures.cancel();
    change();
    searchNow();
  };
}
