// Timing: where the time goes between the pen's lifting and the photos on the screen.

import { element } from "./results.js";
import { STAGES } from "./words.js";

export class Timing {
  #clock;
  #bar;
  #list;

  constructor(clock, bar, list) {
    this.#clock = clock;
    this.#bar = bar;
    this.#list = list;
  }

  // While the pen is down: where an answer's time went, without photos.
  step(answer, way) {
    this.#show(stages(answer, way, 0));
  }

  // The pen was lifted at `from`; the answer came at `answered`, the photos at `to`.
  penUp(from, answer, way, answered, to) {
    performance.measure("pen-up-to-photos", { start: from, end: to });
    performance.measure("pen-up-to-answer", { start: from, end: answered });
    this.#clock.textContent = `${Math.round(to - from)} ms`;
    this.#clock.title = answer.cached ? "The network has seen this very drawing before." : "";
    this.#show(stages(answer, way, to - answered));
  }

  #show(times) {
    const whole = Object.values(times).reduce((sum, time) => sum + time, 0) || 1;
    const shown = STAGES.filter(([name]) => times[name] >= 0.05);
    this.#bar.replaceChildren(...shown.map(([name]) => {
      const part = element("span", { className: name });
      part.style.flexGrow = times[name] / whole;
      return part;
    }));
    this.#list.replaceChildren(...shown.map(([name, words]) =>
      element("li", { className: name }, element("span", {}, words), " ", element("b", {}, `${text(times[name])} ms`))));
  }
}

function stages({ milliseconds: { decode, queue, encode, query, total } }, way, photos) {
  const times = { decode, queue, encode, query, way: Math.max(0, way - total) };
  // What the server spent between its stages belongs to the way.
  times.way += Math.max(0, total - decode - queue - encode - query);
  return { ...times, photos };
}

const text = (milliseconds) => (milliseconds < 9.95 ? milliseconds.toFixed(1) : String(Math.round(milliseconds)));
