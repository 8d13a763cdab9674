// A drawing: strokes on a square canvas of SIDE units, with undo and redo.
//
// A stroke is {x, y, width, pressure}: whole-number coordinates, the line's width in
// units and, for pens that feel it, a pressure (0..255) for each point, else null.
// Strokes are never changed, only replaced, so a history of lists of them is cheap.

export const SIDE = 1024;
export const MAX_STROKES = 1000;
export const MAX_POINTS = 10000;
const MAX_HISTORY = 200;
// How far points may lie off the line that replaces them: what no eye sees, then what few do.
const TOLERANCES = [0.9, 1.5, 2.5, 4];

const clamp = (value) => Math.min(SIDE - 1, Math.max(0, Math.round(value)));

// How much wider than its nominal width a line is under this pressure.
export const swell = (pressure) => 0.35 + 1.3 * (pressure / 255);

export class Drawing extends EventTarget {
  #strokes = [];
  #past = [];
  #future = [];
  #active = null;
  #before = null;

  get strokes() {
    return this.#active ? [...this.#strokes, this.#active] : this.#strokes;
  }

  get finished() {
    return this.#strokes;
  }

  get active() {
    return this.#active;
  }

  get isEmpty() {
    return !this.#active && this.#strokes.length === 0;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  get points() {
    return count(this.#strokes);
  }

  // Begins a stroke; false where the drawing is full.
  begin(x, y, width, pressure = null) {
    if (this.#strokes.length >= MAX_STROKES || this.points >= MAX_POINTS - 100) return false;
    this.#active = { x: [clamp(x)], y: [clamp(y)], width, pressure: pressure === null ? null : [level(pressure)] };
    this.#changed("drawing");
    return true;
  }

  // Draws on; false where the drawing is full.
  extend(x, y, pressure = null) {
    const stroke = this.#active;
    if (!stroke) return true;
    const [a, b, last] = [clamp(x), clamp(y), stroke.x.length - 1];
    if (stroke.x[last] === a && stroke.y[last] === b) return true;
    if (this.points + stroke.x.length >= MAX_POINTS) return false;
    stroke.x.push(a);
    stroke.y.push(b);
    if (stroke.pressure) stroke.pressure.push(level(pressure ?? 0.5));
    this.#changed("drawing");
    return true;
  }

  end() {
    if (!this.#active) return;
    const stroke = simplified(this.#active);
    this.#active = null;
    this.#replace([...this.#strokes, stroke]);
  }

  // Takes back what is being drawn or erased, as if it had not been begun.
  cancel() {
    this.#active = null;
    if (this.#before) [this.#strokes, this.#before] = [this.#before, null];
    this.#changed("cancelled");
  }

  // Erasing is one step of the history from beginErasing to endErasing.
  beginErasing() {
    this.#before = this.#strokes;
  }

  // Erases what lies within `radius` of the line from (ax, ay) to (bx, by); false where
  // that would leave more pieces than a drawing may have.
  erase(ax, ay, bx, by, radius) {
    let touched = false;
    const left = [];
    for (const stroke of this.#strokes) {
      const pieces = without(stroke, ax, ay, bx, by, radius + stroke.width / 2);
      if (pieces) {
        touched = true;
        left.push(...pieces);
      } else {
        left.push(stroke);
      }
    }
    if (!touched) return true;
    if (left.length > MAX_STROKES) return false;
    this.#strokes = left;
    this.#changed("drawing");
    return true;
  }

  endErasing() {
    const before = this.#before;
    this.#before = null;
    if (before && before !== this.#strokes) {
      // A cut adds points; a full drawing gives up some it hardly needs.
      const now = coarsened(this.#strokes, (strokes) => count(strokes) <= MAX_POINTS) ?? before;
      this.#strokes = before;
      this.#replace(now);
    }
  }

  undo() {
    this.#travel(this.#past, this.#future);
  }

  redo() {
    this.#travel(this.#future, this.#past);
  }

  clear() {
    if (this.#strokes.length) this.#replace([]);
  }

  load(strokes) {
    this.#active = null;
    this.#replace(strokes);
  }

  #replace(strokes) {
    this.#past.push(this.#strokes);
    if (this.#past.length > MAX_HISTORY) this.#past.shift();
    this.#future = [];
    this.#strokes = strokes;
    this.#changed("finished");
  }

  #travel(from, to) {
    if (!from.length || this.#active) return;
    to.push(this.#strokes);
    this.#strokes = from.pop();
    this.#changed("finished");
  }

  #changed(kind) {
    this.dispatchEvent(new CustomEvent("change", { detail: kind }));
  }
}

// What the search is sent of a drawing.
export function toMessage(strokes) {
  return {
    width: SIDE,
    height: SIDE,
    strokes: strokes.map(({ x, y, width, pressure }) => ({
      x,
      y,
      width: pressure ? width * (pressure.reduce((sum, p) => sum + swell(p), 0) / pressure.length) : width,
    })),
  };
}

const count = (strokes) => strokes.reduce((sum, stroke) => sum + stroke.x.length, 0);

// The strokes with only as many points left out as it takes to fit; null where none do.
export function coarsened(strokes, fits) {
  for (const tolerance of TOLERANCES) {
    const coarse = strokes.map((stroke) => simplified(stroke, tolerance));
    if (fits(coarse)) return coarse;
  }
  return null;
}

const level = (pressure) => Math.round(255 * Math.min(1, Math.max(0, pressure)));

// Leaves out points that the line hardly misses (Ramer, Douglas and Peucker's method).
export function simplified(stroke, tolerance = TOLERANCES[0]) {
  const { x, y, pressure } = stroke;
  const keep = new Uint8Array(x.length);
  keep[0] = keep[x.length - 1] = 1;
  const spans = [[0, x.length - 1]];
  while (spans.length) {
    const [first, last] = spans.pop();
    let worst = 0;
    let at = -1;
    for (let i = first + 1; i < last; i++) {
      const away = distance(x[i], y[i], x[first], y[first], x[last], y[last]);
      if (away > worst) [worst, at] = [away, i];
    }
    if (worst > tolerance) {
      keep[at] = 1;
      spans.push([first, at], [at, last]);
    }
  }
  const kept = (values) => values.filter((_, i) => keep[i]);
  return { x: kept(x), y: kept(y), width: stroke.width, pressure: pressure && kept(pressure) };
}

// The distance of a point from a line's piece.
function distance(px, py, ax, ay, bx, by) {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const t = length ? Math.min(1, Math.max(0, ((px - ax) * dx + (py - ay) * dy) / length)) : 0;
  return Math.hypot(px - ax - t * dx, py - ay - t * dy);
}

// The pieces that an eraser leaves of a stroke; null where it misses it.
function without(stroke, ax, ay, bx, by, radius) {
  const dense = densified(stroke, Math.max(2, radius / 3));
  const pieces = [];
  let piece = null;
  let missed = true;
  for (let i = 0; i < dense.x.length; i++) {
    if (distance(dense.x[i], dense.y[i], ax, ay, bx, by) <= radius) {
      missed = false;
      piece = null;
      continue;
    }
    if (!piece) {
      piece = { x: [], y: [], width: stroke.width, pressure: stroke.pressure && [] };
      pieces.push(piece);
    }
    piece.x.push(clamp(dense.x[i]));
    piece.y.push(clamp(dense.y[i]));
    if (piece.pressure) piece.pressure.push(dense.pressure[i]);
  }
  return missed ? null : pieces.filter((each) => each.x.length > 1);
}

function densified({ x, y, pressure }, step) {
  const dense = { x: [x[0]], y: [y[0]], pressure: pressure && [pressure[0]] };
  for (let i = 1; i < x.length; i++) {
    const count = Math.max(1, Math.ceil(Math.hypot(x[i] - x[i - 1], y[i] - y[i - 1]) / step));
    for (let j = 1; j <= count; j++) {
      dense.x.push(x[i - 1] + ((x[i] - x[i - 1]) * j) / count);
      dense.y.push(y[i - 1] + ((y[i] - y[i - 1]) * j) / count);
      if (pressure) dense.pressure.push(pressure[i]);
    }
  }
  return dense;
}
