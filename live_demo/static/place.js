// The place: which gallery is searched, which folder and days of it, what of a drawing counts, and
// how photos are sorted.
//
// It stays from one query to the next, and lives in the address beside the drawing.

const KEYS = ["gallery", "in", "from", "to", "focus", "sort"];
const DAY = /^\d{4}-\d\d-\d\d$/;
const ORDERS = new Set(["newest", "oldest"]);

export class Place extends EventTarget {
  #values = new Map();
  // What the model can be asked with, first what it is by itself.
  focuses = [];

  get gallery() {
    return this.#values.get("gallery") ?? "";
  }

  get folder() {
    return this.#values.get("in") ?? "";
  }

  get from() {
    return this.#values.get("from") ?? "";
  }

  get to() {
    return this.#values.get("to") ?? "";
  }

  get order() {
    return this.#values.get("sort") ?? "";
  }

  // "" for the model's own.
  get focus() {
    const chosen = this.#values.get("focus") ?? "";
    return this.focuses.includes(chosen) ? chosen : "";
  }

  // Whether a model that can is to be asked otherwise than by itself.
  get isFocused() {
    return this.#values.has("focus");
  }

  // As a search names it.
  get asked() {
    return { gallery: this.gallery, folder: this.folder, ...this.days, ...this.counted };
  }

  // What counts, as a search names it.
  get counted() {
    return this.focus ? { focus: this.focus } : {};
  }

  // Whether some of the gallery is left out.
  get isNarrow() {
    return Boolean(this.folder || this.from || this.to);
  }

  get days() {
    return Object.fromEntries([["first_day", this.from], ["last_day", this.to]].filter(([, day]) => day));
  }

  // What an answer was found at: another has other photos.
  get key() {
    return JSON.stringify(this.asked);
  }

  // As part of a link's fragment, "" for everywhere.
  get text() {
    return [...this.#values].map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
  }

  // Goes where a link leads; tells whether that is elsewhere.
  read(hash) {
    const before = this.text;
    const given = new URLSearchParams(hash.slice(1));
    this.#values.clear();
    for (const key of KEYS) this.#put(key, given.get(key) ?? "");
    if (this.text !== before) this.dispatchEvent(new Event("read"));
    return this.text !== before;
  }

  // Changes some of it: `{in: "2024/summer"}`; "" is everywhere. In another gallery the rest starts
  // anew, but for what counts.
  change(values) {
    if ("gallery" in values) for (const key of KEYS) if (key !== "focus") this.#values.delete(key);
    for (const [key, value] of Object.entries(values)) this.#put(key, value);
    this.dispatchEvent(new CustomEvent("change", { detail: values }));
  }

  #put(key, value) {
    this.#values.delete(key);
    const isDay = key === "from" || key === "to";
    if (!value || (isDay && !DAY.test(value)) || (key === "sort" && !ORDERS.has(value))) return;
    this.#values.set(key, value);
  }
}

// Whether a fragment is a link's of ours.
export const isLink = (hash) => /^#(d|q|gallery|in|from|to|focus|sort)=/.test(hash);
