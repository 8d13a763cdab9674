// Pictures: where they are given (uploaded, dropped, pasted) and how one is shown.
//
// Reading one takes a moment. The newest given wins: what is read meanwhile is let go.

import { PictureError, read } from "./picture.js";

const $ = (id) => document.getElementById(id);

export class Pictures extends EventTarget {
  #turn = 0;
  #shown = null;

  constructor() {
    super();
    $("file").addEventListener("change", () => {
      this.#take($("file").files[0]);
      $("file").value = "";
    });
    document.addEventListener("paste", (event) => {
      const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
      if (file) this.#take(file);
    });
    for (const kind of ["dragover", "drop"]) {
      document.addEventListener(kind, (event) => {
        event.preventDefault();
        $("paper").classList.toggle("dropping", kind === "dragover");
        if (kind === "drop") this.#take(event.dataTransfer?.files[0]);
      });
    }
    document.addEventListener("dragleave", () => $("paper").classList.remove("dropping"));
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
    $("picture-image").src = picture.url;
    $("picture").classList.toggle("chalk", picture.isChalk);
    document.querySelector(`[name=modality][value=${picture.modality}]`).checked = true;
  }

  async #take(file) {
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
