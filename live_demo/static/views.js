// Views: what is searched for at each place of the browser's history.
//
// A view is a query with all that belongs to it: words, likes, dislikes, chips and the answer.
// A new query is a new view, so nothing of the last one stays, but for where one looks: that is
// the address's. An entry of the history names
// its view, and the photo whose details are open over it, so Back closes the details first.

import { isLink } from "./place.js";

const MOST = 20;
const PATIENCE = 1000;

export class View {
  // A photo of the gallery, or a picture that was given; with neither the drawing is searched.
  // With `burst` only those that look nearly the same as the photo are.
  constructor({ seed = null, burst = "", picture = null, text = "", weight = 0.5 } = {}) {
    this.seed = seed;
    this.burst = burst;
    this.picture = picture;
    // Words beside it or alone, and how much they count beside it.
    this.text = text;
    this.weight = weight;
    this.strokes = null;
    this.liked = new Map();
    this.disliked = new Map();
    this.classes = new Set();
    this.seen = new Set();
    // What else the photos are filtered by, by what it is called.
    this.tags = new Map();
    // What was found, and where.
    this.answer = null;
    this.at = "";
  }

  get isDrawing() {
    return !this.seed && !this.picture;
  }
}

export class Views extends EventTarget {
  #views = new Map();
  #number = Date.now();
  #leaving = false;
  #later = [];
  #patience = 0;

  constructor() {
    super();
    const { seed = null, burst = "", depth = 0, details = null } = history.state ?? {};
    this.current = new View({ seed, burst });
    this.#replace({ depth, details });
    addEventListener("popstate", ({ state }) => this.#travelled(state));
    // Not every browser calls an opened link a step of the history, too.
    addEventListener("hashchange", () => history.state ?? this.#travelled(null));
  }

  // Whose details are open, by the history.
  get open() {
    return history.state?.details ?? null;
  }

  // Begins a new query. The drawing's takes the place of another of the drawing's in the
  // history, and any takes the place of open details: Back leads to the photos from there.
  begin(sources = {}) {
    const before = this.current;
    const view = (this.current = new View(sources));
    this.#then(() => {
      const inPlace = this.open || (view.isDrawing && before.isDrawing);
      const depth = view.isDrawing ? 0 : this.#depth + (inPlace ? 0 : 1);
      if (inPlace) this.#replace({ view, depth });
      else this.#push({ view, depth });
    });
  }

  // Opens a photo's details over the view, or shows another photo's in them.
  show(hit) {
    const view = this.current;
    this.#then(() => {
      if (this.open) this.#replace({ view, depth: this.#depth, details: hit });
      else this.#push({ view, depth: this.#depth + 1, details: hit });
    });
  }

  // Lets the photos take the place of the details that are open: what comes now is a step of its own.
  stay() {
    if (this.open) this.#replace({ depth: this.#depth });
  }

  // The details were closed by their own means.
  closed() {
    if (this.open && !this.#leaving) this.#go(-1);
  }

  // Goes back to the drawing that the view came from; false where the history knows of none.
  back() {
    if (!this.#depth) return false;
    this.#go(-this.#depth);
    return true;
  }

  // Goes back over what was begun by mistake.
  retract() {
    this.#go(-1);
  }

  // Lets the address hold the drawing, `""` for none.
  address(fragment) {
    if (!this.#leaving) history.replaceState(history.state, "", fragment || location.pathname + location.search);
  }

  get #depth() {
    return history.state?.depth ?? 0;
  }

  #state({ view = this.current, depth, details = null }) {
    let number = [...this.#views].find(([, each]) => each === view)?.[0];
    if (number === undefined) {
      number = ++this.#number;
      this.#views.set(number, view);
      if (this.#views.size > MOST) this.#forget();
    }
    return { view: number, seed: view.seed, burst: view.burst, depth, details };
  }

  // Pictures take memory; of a view that is forgotten the history's own state is left.
  #forget() {
    const [[number, view]] = this.#views;
    this.#views.delete(number);
    if (view.picture) URL.revokeObjectURL(view.picture.url);
  }

  #push(what) {
    history.pushState(this.#state(what), "");
  }

  #replace(what) {
    history.replaceState(this.#state(what), "");
  }

  #go(by) {
    this.#leaving = true;
    history.go(by);
    // Where the history has no such step nothing comes.
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#arrive(), PATIENCE);
  }

  // Does what waited; tells how much that was.
  #arrive() {
    clearTimeout(this.#patience);
    this.#leaving = false;
    const waiting = this.#later.splice(0);
    for (const change of waiting) change();
    return waiting.length;
  }

  // Going back takes the browser a moment; what comes meanwhile waits for it.
  #then(change) {
    if (this.#leaving) this.#later.push(change);
    else change();
  }

  #travelled(state) {
    const before = this.current;
    if (this.#arrive()) return;
    if (state?.view) {
      this.current = this.#views.get(state.view) ?? new View(state);
      if (!this.#views.has(state.view)) this.#views.set(state.view, this.current);
    } else if (isLink(location.hash)) {
      // A link that was opened here.
      this.current = new View();
      this.#replace({ depth: 0 });
    } else {
      this.#replace({ depth: this.current.isDrawing ? 0 : this.#depth + 1 });
    }
    this.#tell(before);
  }

  #tell(before) {
    this.dispatchEvent(new CustomEvent("travel", { detail: { before } }));
  }
}
