// Pictures to search with: where they are given (uploaded, pasted; what is dropped comes from
// `drops.js`) and how one is shown.
//
// Reading one takes a moment. The newest given wins: what is read meanwhile is let go.

import { PictureError, hand, read } from "./picture.js";

const $ = (id) => document.getElementById(id);

export class Pictures extends EventTarget {
  #turn = 0;
  #shown = null;

  constructor() {
    super();
    $("file").addEventListener("change", () => {
      this.take($("file").files[0]);
      $("file").value = "";
    });
    document.addEventListener("paste", (event) => {
      const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
      if (file) this.take(file);
    });
    for (const radio of document.querySelectorAll("[name=modality]")) {
      radio.addEventListener("change", () => {
        this.#shown.modality = radio.value;
        this.dispatchEvent(new Event("modality"));
      });
    }
    $("picture-close").addEventListener("click", () => this.dispatchEvent(new Event("close")));
  }

  // Asks for a file.
  choose() {
    $("file").click();
  }

  // Lets go of what is being read: something else is searched by now.
  cancel() {
    this.#turn++;
  }

  // Shows a picture over the canvas; null shows the canvas.
  show(picture) {
    this.#shown = picture;
    $("picture").hidden = !picture;
    if (!picture) return;
    $("picture-image").hidden = !picture.url;
    $("picture-name").hidden = Boolean(picture.url);
    if (picture.url) $("picture-image").src = picture.url;
    else $("picture-name").textContent = `${picture.file.name}: the browser cannot show it, the search can read it.`;
    $("picture").classList.toggle("chalk", picture.isChalk);
    document.querySelector(`[name=modality][value=${picture.modality}]`).checked = true;
  }

  // Hands one in anew that the gateway has let go.
  async renew(picture) {
    try {
      picture.handle = await hand(picture.file);
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      return void this.dispatchEvent(new CustomEvent("unread", { detail: error.message }));
    }
    this.dispatchEvent(new Event("renewed"));
  }

  async take(file) {
    if (!file) return;
    const turn = ++this.#turn;
    let picture;
    try {
      picture = await read(file);
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      if (turn === this.#turn) this.dispatchEvent(new CustomEvent("unread", { detail: error.message }));
      return;
    }
    if (turn === this.#turn) this.dispatchEvent(new CustomEvent("given", { detail: picture }));
    else URL.revokeObjectURL(picture.url);
  }
}
