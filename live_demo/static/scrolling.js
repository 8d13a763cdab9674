// Scrolling: tells when somebody who scrolls comes near an element.
//
// Only who scrolls wants more: twelve photos that fit the window stay twelve, and a window
// that moves because photos went does not count.

const NEAR = 300;
const KEYS = new Set(["PageDown", "End", "ArrowDown", " "]);

export class Scrolling extends EventTarget {
  #scrolls = false;

  constructor(element) {
    super();
    const begun = () => (this.#scrolls = true);
    for (const kind of ["wheel", "touchmove"]) addEventListener(kind, begun, { passive: true });
    addEventListener("keydown", ({ key, target }) => KEYS.has(key) && !target.closest("canvas, select, input") && begun());
    // On the window itself there is only its scroll bar to press.
    addEventListener("pointerdown", ({ target }) => target === document.documentElement && begun());
    addEventListener("scroll", () => {
      const near = element.getBoundingClientRect().top < innerHeight + NEAR;
      if (this.#scrolls && near && !element.hidden) this.dispatchEvent(new Event("near"));
    }, { passive: true });
  }

  // What was scrolled so far counts no more.
  reset() {
    this.#scrolls = false;
  }
}
