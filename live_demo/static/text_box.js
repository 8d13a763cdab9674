// The text box: words for what to find, beside the drawing or alone. Where the model knows no
// words they filter instead: by class, folder and what else is told of photos.

import { WORDS } from "./words.js";

const PAUSE = 300;
const EVEN = 0.5;
const $ = (id) => document.getElementById(id);

export class TextBox extends EventTarget {
  #place;
  #view = { text: "", weight: EVEN };
  #takesText = null;
  #waiting = 0;
  // Whose meaning is being asked for.
  #asked = null;

  constructor(place) {
    super();
    this.#place = place;
    $("text").addEventListener("input", () => {
      this.#say("");
      this.#wait(() => this.#typed(), PAUSE);
    });
    // Enter, on whatever keyboard, and the box's own cross.
    $("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#enter();
    });
    $("weight").addEventListener("input", () => this.#wait(() => this.#typed(), PAUSE));
  }

  // Takes what the gateway says of the model; tells whether that changes what is asked.
  learn({ takes_text: takesText }) {
    const before = JSON.stringify(this.asked);
    if (this.#takesText !== takesText) {
      this.#takesText = takesText;
      const { placeholder, hint } = takesText ? WORDS.asks : WORDS.filters;
      $("text").placeholder = placeholder;
      $("text-hint").textContent = hint;
      $("ask").classList.toggle("filtering", !takesText);
    }
    return JSON.stringify(this.asked) !== before;
  }

  // Whether words are a query, rather than a filter.
  get takesText() {
    return Boolean(this.#takesText);
  }

  // As a search names it.
  get asked() {
    const text = this.#takesText && this.#view.text.trim();
    if (!text) return {};
    return this.#view.weight === EVEN ? { text } : { text, text_weight: this.#view.weight };
  }

  // Shows a view's words, and changes them from now on.
  use(view) {
    this.#wait(null);
    if (this.#view !== view) this.#say("");
    this.#view = view;
    [$("text").value, $("weight").value] = [view.text, view.weight];
  }

  // Shows the weight where words stand beside another source.
  weigh(source) {
    $("weight-choice").hidden = !this.asked.text || source === "text";
    $("weight-other").textContent = WORDS.beside[source] ?? "photo";
  }

  focus() {
    $("text").focus();
  }

  #wait(action, milliseconds) {
    clearTimeout(this.#waiting);
    if (action) this.#waiting = setTimeout(action, milliseconds);
  }

  #typed() {
    this.#wait(null);
    const [text, weight] = [$("text").value, Number($("weight").value)];
    const isNew = text.trim() !== this.#view.text.trim() || weight !== this.#view.weight;
    if (this.#takesText && isNew) this.#tell("words", { text, weight });
  }

  #enter() {
    if (this.#takesText) this.#typed();
    else if ($("text").value.trim()) this.#filter($("text").value.trim());
  }

  // Finds out what the words mean here; those that mean nothing stay, and nothing is changed for them.
  async #filter(text) {
    const asked = (this.#asked = {});
    const view = this.#view;
    const meaning = await ask({ text, gallery: this.#place.gallery });
    if (asked !== this.#asked || view !== this.#view || $("text").value.trim() !== text) return;
    if (!meaning) return this.#say(WORDS.away);
    const { unknown, ...known } = meaning;
    $("text").value = unknown.join(" ");
    this.#say(unknown.length ? WORDS.unknown(unknown) : "");
    if (Object.values(known).some((each) => each.length)) this.#tell("filter", known);
  }

  #say(text) {
    $("text-said").textContent = text;
  }

  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
}

async function ask(what) {
  try {
    const response = await fetch(`/meaning?${new URLSearchParams(what)}`, { signal: AbortSignal.timeout(10_000) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
