// The welcome: what stands in the photos' place before anything was drawn.
//
// The examples are one list. On a wide window they are the welcome's large cards until there
// is something to see, and then the small row under the canvas; on a phone always the row.

const NARROW = matchMedia("(max-width: 859px)");
const $ = (id) => document.getElementById(id);

export class Welcome {
  #shown = false;

  constructor() {
    NARROW.addEventListener("change", () => this.#place());
  }

  show(on) {
    $("welcome").hidden = !on;
    if (on === this.#shown) return;
    this.#shown = on;
    this.#place();
  }

  #place() {
    const host = this.#shown && !NARROW.matches ? $("welcome-examples") : $("starters-row");
    const list = $("examples");
    if (list.parentElement === host) return;
    // What moves loses the focus.
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    host.append(list);
    focused?.focus({ preventScroll: true });
  }
}
