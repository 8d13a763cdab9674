// The line to the gateway: one WebSocket, the newest question, answers in order.
//
// While one draws, the next question waits until the one under way is answered, so that
// answers come steadily; an urgent one (pen up, a filter) goes at once and overtakes it.

const PATIENCE = 400;
const RETRIES = [500, 1000, 2000, 4000];
const POLL = 1500;

export class Live extends EventTarget {
  #socket = null;
  #sequence = 0;
  #wanted = null;
  #flight = null;
  #image = null;
  #waiting = 0;
  #failures = 0;
  #timers = new Set();
  #state = "connecting";

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/live`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#flight = null;
      if (this.#image) socket.send(this.#image);
      if (this.#wanted && !this.#wanted.answered) this.#send();
      this.#check();
    });
    socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(data)));
    socket.addEventListener("close", ({ code, reason }) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#flight = null;
      if (code === 4408) return this.#become("idle", reason);
      this.#become(code === 1013 ? "full" : "offline", reason);
      this.#later(() => this.connect(), this.#pause());
    });
  }

  // Asks what `ask` describes; null stops asking.
  ask(ask, { urgent = false } = {}) {
    this.#wanted = ask && { ...ask, answered: false };
    if (!ask) {
      this.#flight = null;
      return;
    }
    if (!this.#flight || urgent || performance.now() - this.#flight.at > PATIENCE) this.#send();
    else if (!this.#waiting) this.#waiting = setTimeout(() => this.#overdue(), PATIENCE);
  }

  // Hands in the picture that later questions of the sources `sketch` and `photo` mean.
  give(image) {
    this.#image = image;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(image);
  }

  wake() {
    if (!this.#socket) this.connect();
  }

  get state() {
    return this.#state;
  }

  #overdue() {
    this.#waiting = 0;
    if (this.#wanted && !this.#wanted.answered && this.#wanted !== this.#flight?.ask) this.#send();
  }

  #send() {
    if (this.#socket?.readyState !== WebSocket.OPEN || !this.#wanted) return;
    const { context, answered: _, ...message } = this.#wanted;
    const sequence = ++this.#sequence;
    this.#flight = { sequence, at: performance.now(), ask: this.#wanted };
    this.#socket.send(JSON.stringify({ sequence, ...message }));
    this.dispatchEvent(new CustomEvent("asked", { detail: context }));
  }

  #take(message) {
    const flight = this.#flight;
    const mine = flight !== null && message.sequence === flight.sequence;
    if (message.type === "answer") {
      if (!mine) return;
      this.#flight = null;
      this.#failures = 0;
      this.#become("live");
      const way = performance.now() - flight.at;
      const newest = flight.ask === this.#wanted;
      flight.ask.answered = true;
      this.dispatchEvent(
        new CustomEvent("answer", { detail: { answer: message, ask: flight.ask, way } }),
      );
      if (!newest && this.#wanted && !this.#wanted.answered) this.#send();
      return;
    }
    if (message.sequence !== null && !mine) return;
    if (mine) this.#flight = null;
    this.#fail(message);
  }

  #fail({ code, message, part, retry_milliseconds: retry }) {
    const states = { UNAVAILABLE: "away", RESOURCE_EXHAUSTED: "busy", DEADLINE_EXCEEDED: "slow" };
    const state = states[code] ?? "refused";
    this.#become(state, message, part);
    if (state === "refused") return;
    const pause = Math.max(retry ?? 0, this.#pause());
    this.#later(() => {
      if (this.#wanted && !this.#wanted.answered) this.#send();
      else this.#check();
    }, pause);
  }

  // Asks whether the search is back, where there is nothing else to ask.
  async #check() {
    let found = null;
    try {
      const response = await fetch("/classes", { signal: AbortSignal.timeout(5000) });
      if (response.ok) found = await response.json();
    } catch {
      // The socket tells that the gateway is away; a slow answer counts as none.
    }
    if (!this.#socket) return;
    if (found) {
      this.#failures = 0;
      this.#become("live");
      this.dispatchEvent(new CustomEvent("classes", { detail: found }));
    } else {
      this.#become("away", "", "search");
      this.#later(() => this.#check(), POLL);
    }
  }

  refreshClasses() {
    return this.#check();
  }

  #pause() {
    return RETRIES[Math.min(this.#failures++, RETRIES.length - 1)];
  }

  #later(action, milliseconds) {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, milliseconds);
    this.#timers.add(timer);
  }

  #become(state, message = "", part = "") {
    const before = this.#state;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, before, message, part } }));
  }
}
