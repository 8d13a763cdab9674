// The line to the gateway: one WebSocket, the newest question, answers in order.
//
// It is opened by the first question and closed when none came for long, so that pages which
// only lie open hold no place; the next question opens it again. Without it the page asks now
// and then over HTTP how things stand.
//
// While one draws, the next question waits until the one under way is answered, so that
// answers come steadily; an urgent one (pen up, a filter) goes at once and overtakes it.

const PATIENCE = 400;
const RETRIES = [500, 1000, 2000, 4000];
const POLL = 1500;
const LOOK = 15_000;
const IDLE = 120_000;
const HIDDEN = 30_000;
// What the service says of a model that cannot do what was asked.
const LACKED = new Set(["NO_FOCUS", "NO_TEXT_TOWER"]);
// The gateway's words for a connection that was silent for too long, for one whose session is
// over, and for too many.
const SLEPT = 4408;
const LOCKED = 4401;
const CROWDED = 1013;

export class Live extends EventTarget {
  #socket = null;
  #sequence = 0;
  #wanted = null;
  #flight = null;
  #image = null;
  #given = null;
  #waiting = 0;
  #failures = 0;
  #resting = 0;
  #timers = new Set();
  #state = "connecting";
  #gallery = "";

  // Whose state is asked for; "" is the service's own gallery.
  set gallery(name) {
    this.#gallery = name;
    if (this.#state !== "connecting") this.#check();
  }

  // Finds out how things stand, now and from time to time while the page is looked at.
  start() {
    this.#check();
    setInterval(() => {
      if (!document.hidden && this.#state === "live" && !this.#flight) this.#check();
    }, LOOK);
    document.addEventListener("visibilitychange", () => {
      this.#rest();
      if (!document.hidden && this.#state === "live" && !this.#flight) this.#check();
    });
  }

  // Asks what `ask` describes; null stops asking.
  ask(ask, { urgent = false } = {}) {
    if (this.#state === "refused") this.#become("live");
    this.#wanted = ask && { ...ask, answered: false };
    if (!ask) {
      this.#flight = null;
      return;
    }
    if (!this.#socket) this.#connect();
    else if (!this.#flight || urgent || performance.now() - this.#flight.at > PATIENCE) this.#send();
    else if (!this.#waiting) this.#waiting = setTimeout(() => this.#overdue(), PATIENCE);
  }

  // Hands in the picture that later questions of the sources `sketch` and `photo` mean.
  give(image) {
    this.#image = image;
  }

  get #isOwed() {
    return this.#wanted !== null && !this.#wanted.answered;
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/live`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#given = null;
    socket.addEventListener("open", () => {
      this.#flight = null;
      if (this.#isOwed) this.#send();
      this.#rest();
    });
    socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(data)));
    socket.addEventListener("close", ({ code, reason }) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#flight = null;
      if (code === LOCKED) return void this.dispatchEvent(new Event("locked"));
      if (code === SLEPT && !this.#isOwed) return;
      this.#become(code === CROWDED ? "full" : "offline", reason);
      this.#later(() => this.#resume(), this.#pause());
    });
  }

  // Goes on after a trouble: with the question that is owed an answer, if there is one.
  #resume() {
    // Without a line HTTP tells more of how things stand: that the session is over, for one.
    if (!this.#isOwed || !this.#socket) this.#check();
    else this.#send();
  }

  // Lets the line go when it was not needed for a while.
  #rest() {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      if (this.#flight || this.#isOwed) return this.#rest();
      const socket = this.#socket;
      this.#socket = null;
      socket?.close(1000);
    }, document.hidden ? HIDDEN : IDLE);
  }

  #overdue() {
    this.#waiting = 0;
    if (this.#isOwed && this.#wanted !== this.#flight?.ask) this.#send();
  }

  #send() {
    if (this.#socket?.readyState !== WebSocket.OPEN || !this.#wanted) return;
    const { context, answered: _, ...message } = this.#wanted;
    if (message.source in { sketch: 1, photo: 1 } && !message.picture && this.#given !== this.#image) {
      this.#socket.send(this.#image);
      this.#given = this.#image;
    }
    const sequence = ++this.#sequence;
    this.#flight = { sequence, at: performance.now(), ask: this.#wanted };
    this.#socket.send(JSON.stringify({ sequence, ...message }));
    this.#rest();
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
      if (!newest && this.#isOwed) this.#send();
      return;
    }
    if (message.sequence !== null && !mine) return;
    if (mine) this.#flight = null;
    this.#fail(message);
  }

  #fail({ code, message, part, reason, retry_milliseconds: retry }) {
    const states = { UNAVAILABLE: "away", RESOURCE_EXHAUSTED: "busy", DEADLINE_EXCEEDED: "slow" };
    const state = states[code] ?? "refused";
    // Asked again it would be refused again.
    if (state === "refused" && this.#wanted) this.#wanted.answered = true;
    this.#become(state, message, part, reason);
    // Another model has come: the gallery tells what this one can be asked.
    if (LACKED.has(reason)) this.#check();
    if (state === "refused") return;
    this.#later(() => this.#resume(), Math.max(retry ?? 0, this.#pause()));
  }

  // Asks how things stand, where there is nothing else to ask.
  async #check() {
    let found = null;
    let reached = true;
    let lacking = false;
    const gallery = this.#gallery;
    try {
      const response = await fetch(`/gallery?${new URLSearchParams({ gallery })}`, { signal: AbortSignal.timeout(5000) });
      // The session is over.
      if (response.status === 401) return void this.dispatchEvent(new Event("locked"));
      if (gallery !== this.#gallery) return this.#check();
      // Busy is not away: the next look tells. The first one is waited for.
      if (response.status === 429) return this.#later(() => this.#check(), this.#state === "connecting" ? POLL : LOOK);
      if (response.ok) found = await response.json();
      lacking = response.status === 404;
    } catch (error) {
      reached = error.name === "TimeoutError";
    }
    if (found) this.dispatchEvent(new CustomEvent("gallery", { detail: found }));
    if (this.#flight) return;
    if (found) {
      if (this.#isOwed && this.#socket) this.#send();
      else if (this.#isOwed) this.#connect();
      else {
        this.#failures = 0;
        this.#become("live");
      }
    } else if (lacking) {
      this.dispatchEvent(new Event("lacking"));
      // Nothing is known yet: another gallery is looked at at once.
      if (this.#state === "connecting" && gallery !== this.#gallery) return this.#check();
    } else {
      if (reached) this.#become("away", "", "search");
      else this.#become("offline");
      this.#later(() => this.#resume(), POLL);
    }
  }

  // Looks at the gallery again: something was added.
  refresh() {
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

  #become(state, message = "", part = "", reason = "") {
    const before = this.#state;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, before, message, part, reason } }));
  }
}
