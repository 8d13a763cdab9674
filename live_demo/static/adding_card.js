// The card that adds photos: where they are given, how far they are and what became of each.

import { Adding } from "./adding.js";
import { chosen, entries, hasFolder, walk } from "./dropped.js";
import { element } from "./results.js";
import { ADDING } from "./words.js";

const $ = (id) => document.getElementById(id);
const MOST_ROWS = 200;

export class AddingCard extends EventTarget {
  #adding = new Adding();
  #place;
  #walking = 0;
  #round = 0;

  constructor(place) {
    super();
    this.#place = place;
    $("add-open").addEventListener("click", () => this.open($("add").hidden));
    $("add-close").addEventListener("click", () => this.open(false));
    $("add-cancel").addEventListener("click", () => this.#cancel());
    for (const kind of ["files", "folder"]) {
      $(`add-${kind}`).addEventListener("click", () => $(`add-${kind}-input`).click());
      $(`add-${kind}-input`).addEventListener("change", ({ target }) => {
        this.#take([chosen(target.files, place.folder)]);
        target.value = "";
      });
    }
    this.#adding.addEventListener("begin", () => this.#begin());
    this.#adding.addEventListener("progress", () => this.#progress());
    this.#adding.addEventListener("trouble", ({ detail }) => ($("add-state").textContent = detail));
    this.#adding.addEventListener("settled", ({ detail }) => this.#settled(detail));
    this.#adding.addEventListener("end", () => this.#end());
    // Leaving the page drops what is on its way.
    addEventListener("beforeunload", (event) => this.isBusy && event.preventDefault());
  }

  get isAllowed() {
    return this.#adding.mostBytes > 0;
  }

  get isBusy() {
    return this.#walking > 0 || this.#adding.isBusy;
  }

  // Takes what the gateway says: how large a photo may be, 0 where none may be added.
  learn({ most_bytes: mostBytes }) {
    this.#adding.mostBytes = mostBytes;
    $("add-open").hidden = !mostBytes;
    if (!mostBytes && !this.isBusy) this.open(false);
  }

  open(on) {
    const held = $("add").contains(document.activeElement);
    $("add").hidden = !on;
    $("add-open").setAttribute("aria-expanded", on);
    if (on) {
      $("add-where").textContent = ADDING.where(this.#place.folder);
      $("add-files").focus({ preventScroll: true });
    } else if (held) $("add-open").focus();
  }

  // Whether a drop there is photos to add rather than a picture to search with.
  wants(transfer, target) {
    if (!this.isAllowed) return false;
    const items = [...(transfer?.items ?? [])].filter((item) => item.kind === "file");
    return items.length > 1 || !target.closest?.("#paper");
  }

  // Takes a drop; to be called while it is being told.
  drop(transfer) {
    const found = entries(transfer);
    this.open(true);
    this.#take(walk(found, this.#place.folder), hasFolder(found));
  }

  async #take(lists, isLong = false) {
    const { gallery } = this.#place;
    this.#walking++;
    const round = this.#round;
    if (isLong) $("add-state").textContent = ADDING.looking;
    for await (const list of lists) {
      if (round !== this.#round) break;
      this.#adding.add(list, gallery);
    }
    this.#walking--;
    if (!this.isBusy && round === this.#round) this.#end();
  }

  #cancel() {
    this.#round++;
    this.#adding.cancel();
    $("add-progress").hidden = $("add-cancel").hidden = true;
    this.#say(ADDING.cancelled(this.#adding.done));
    $("add-files").focus();
  }

  #begin() {
    $("add-rows").replaceChildren();
    $("add-progress").hidden = $("add-cancel").hidden = false;
  }

  #progress() {
    const { total, finished } = this.#adding;
    [$("add-progress").max, $("add-progress").value] = [total || 1, finished];
    $("add-state").textContent = ADDING.progress(finished, total, this.#adding.done);
  }

  // Failures stay in sight; of what went well the last.
  #settled({ name, outcome, why }) {
    const row = element("li", { className: outcome }, element("b", {}, ADDING.outcome[outcome]), element("span", {}, name));
    if (why) row.append(element("em", {}, why));
    const last = [...$("add-rows").querySelectorAll(".failed")].at(-1);
    if (last && outcome !== "failed") last.after(row);
    else $("add-rows").prepend(row);
    const rows = [...$("add-rows").children];
    if (rows.length > MOST_ROWS) (rows.findLast((each) => !each.classList.contains("failed")) ?? rows.at(-1)).remove();
  }

  #end() {
    if (this.isBusy) return;
    const { done, total } = this.#adding;
    $("add-progress").hidden = $("add-cancel").hidden = true;
    this.#say(total || done.skipped ? ADDING.end(done) : ADDING.nothing);
    if (done.written || done.updated) this.dispatchEvent(new Event("added"));
  }

  // Shows it, and tells it to who hears the page: of every single photo that would be too much.
  #say(text) {
    $("add-state").textContent = $("add-said").textContent = text;
  }
}
