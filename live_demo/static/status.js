// Status: what the page says of how things stand, to eyes and to screen readers.

import * as words from "./words.js";

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

  // Says in words how things stand: whether something is asked, what is wrong, and what came.
  tell({ asked, trouble, searching, found, empty }) {
    const lost = words.notice(trouble);
    const hint = lost || empty || (!asked && words.EMPTY) || "";
    this.#notice(hint, lost ? "trouble" : "hint");
    $("pill").dataset.state = trouble.state;
    $("pill-text").textContent = words.PILL[trouble.state];
    // Whether the first photos are still to come.
    $("grid").setAttribute("aria-busy", String(searching && !found));
    $("grid").classList.toggle("waiting", searching && !found);
  }

  // A hint, or a trouble, in the photos' place; `""` for none.
  #notice(text, kind) {
    if ($("notice").textContent !== text) $("notice").textContent = text;
    $("notice").hidden = !text;
    $("notice").dataset.kind = kind;
  }
}
