// Status: what the page says of how things stand, to eyes and to screen readers.

import { PILL } from "./words.js";

const REST = 500;
const $ = (id) => document.getElementById(id);

export class Status {
  #announcing = 0;

  // Says once the pen rests what came: a screen reader would never finish a sentence before.
  announce(text, isUnlike = false) {
    clearTimeout(this.#announcing);
    const say = () => {
      $("status").textContent = text;
      $("status").classList.toggle("unlike", isUnlike);
    };
    if (text) this.#announcing = setTimeout(say, REST);
    else say();
  }

  // A hint, or a trouble, in the photos' place; `""` for none.
  notice(text, kind) {
    if ($("notice").textContent !== text) $("notice").textContent = text;
    $("notice").hidden = !text;
    $("notice").dataset.kind = kind;
  }

  connection(state) {
    $("pill").dataset.state = state;
    $("pill-text").textContent = PILL[state];
  }

  // Whether the first photos are still to come.
  waits(on) {
    $("grid").setAttribute("aria-busy", String(on));
    $("grid").classList.toggle("waiting", on);
  }
}
