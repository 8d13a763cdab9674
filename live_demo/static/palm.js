// Palm rejection: which of the pointers on the glass draws.
//
// Whoever holds a pen rests the hand on the glass, often before the pen comes down. So a pen
// takes over from a touch, and touches count for nothing while a pen is near and just after.
// Then fingers draw again: the pen may have been put away.

export const PEN_MILLISECONDS = 2000;

export class PalmRejection {
  #pointer = null;
  #isTouch = false;
  #penAt = -Infinity;

  // Whether a pointer draws.
  get busy() {
    return this.#pointer !== null;
  }

  draws(event) {
    return event.pointerId === this.#pointer;
  }

  // A pen tells that it is near before it touches, too.
  see(event) {
    if (event.pointerType === "pen") this.#penAt = event.timeStamp;
  }

  // What the pointer that came down does: "draw", "take over" from the one that draws, be
  // refused as the hand of a "resting" pen's, or nothing (null).
  down(event) {
    if (event.button !== 0 && event.button !== 5) return null;
    const touches = event.pointerType === "touch";
    if (touches && event.timeStamp - this.#penAt < PEN_MILLISECONDS) return this.busy ? null : "resting";
    const takesOver = this.busy && this.#isTouch && event.pointerType === "pen";
    if (this.busy && !takesOver) return null;
    [this.#pointer, this.#isTouch] = [event.pointerId, touches];
    return takesOver ? "take over" : "draw";
  }

  up() {
    this.#pointer = null;
  }
}
