// A toast: a word that goes away by itself.

const SECONDS = 4;

export class Toast {
  #place;
  #hiding = 0;

  constructor(place) {
    this.#place = place;
  }

  say(text) {
    this.#place.textContent = text;
    this.#place.hidden = false;
    clearTimeout(this.#hiding);
    this.#hiding = setTimeout(() => (this.#place.hidden = true), 1000 * SECONDS);
  }
}
