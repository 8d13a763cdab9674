// Adding: photos on their way into the gallery, some at a time, each with an outcome.
//
// A photo is a request of its own. One that a busy or absent server does not take is sent
// again: adding twice changes nothing.

import { ADDING } from "./words.js";

const AT_ONCE = 3;
const TRIES = 6;
const PAUSE = 1500;
const PHOTO = /\.(jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|heic|heif|hif|avif|ppm|pgm|dng|cr2|cr3|nef|arw|raf|orf|rw2|pef|srw)$/i;

export class Adding extends EventTarget {
  #waiting = [];
  #requests = new Set();
  #round = 0;
  mostBytes = 0;
  total = 0;
  bytes = 0;
  done = { written: 0, updated: 0, unchanged: 0, failed: 0, skipped: 0 };

  // Whether photos are still on their way.
  get isBusy() {
    return this.#requests.size > 0 || this.#waiting.length > 0;
  }

  get finished() {
    const { written, updated, unchanged, failed } = this.done;
    return written + updated + unchanged + failed;
  }

  // Takes files: `{file, folder}`, to lie in that folder of a gallery, wherever is looked by the
  // time that they leave.
  add(found, gallery = "") {
    if (!this.isBusy) this.#begin();
    for (const { file, folder } of found) {
      // A system's own files in a folder of photos are nobody's mistake.
      if (!PHOTO.test(file.name) || file.name.startsWith(".")) this.done.skipped++;
      else {
        this.total++;
        this.bytes += file.size;
        this.#waiting.push({ file, folder, gallery, tries: 0 });
      }
    }
    this.#tell("progress");
    while (this.#requests.size < AT_ONCE && this.#waiting.length) this.#send(this.#waiting.shift());
    if (!this.isBusy) this.#tell("end");
  }

  // What was answered stays; what is on its way is dropped.
  cancel() {
    this.#round++;
    this.total -= this.#waiting.length + this.#requests.size;
    this.#waiting.length = 0;
    for (const request of this.#requests) request.abort();
    this.#requests.clear();
    this.#tell("end");
  }

  #begin() {
    this.total = this.bytes = 0;
    for (const name in this.done) this.done[name] = 0;
    this.#tell("begin");
  }

  #send(photo) {
    const { file, folder, gallery } = photo;
    if (file.size > this.mostBytes) return this.#settle(photo, "failed", ADDING.large(this.mostBytes));
    if (!file.size) return this.#settle(photo, "failed", ADDING.empty);
    const round = this.#round;
    // Not fetch: only this tells how much has left.
    const request = new XMLHttpRequest();
    this.#requests.add(request);
    request.open("POST", `/photos?${new URLSearchParams({ name: file.name, folder, gallery })}`);
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded }) => {
      photo.sent = loaded;
      this.#tell("progress");
    });
    request.addEventListener("loadend", () => {
      if (round !== this.#round) return;
      this.#answered(photo, request);
    });
    request.send(file);
  }

  #answered(photo, request) {
    const { status, response } = request;
    const settle = (...outcome) => {
      this.#requests.delete(request);
      this.#settle(photo, ...outcome);
    };
    if (status === 200) return settle(response.outcome);
    if (status === 401) return location.reload();
    // Away, busy, slow: it may go next time.
    const mayGo = status === 0 || status === 429 || status >= 500;
    if (!mayGo || ++photo.tries >= TRIES) return settle("failed", response?.message ?? ADDING.away);
    const round = this.#round;
    const wait = 1000 * (Number(request.getResponseHeader("retry-after")) || 0);
    this.#tell("trouble", ADDING.again);
    setTimeout(() => {
      if (round !== this.#round) return;
      this.#requests.delete(request);
      this.#send(photo);
    }, Math.max(wait, PAUSE * photo.tries));
  }

  #settle({ file, folder }, outcome, why = "") {
    this.done[outcome]++;
    this.#tell("settled", { name: folder ? `${folder}/${file.name}` : file.name, outcome, why });
    this.#tell("progress");
    if (this.#waiting.length) this.#send(this.#waiting.shift());
    else if (!this.isBusy) this.#tell("end");
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
