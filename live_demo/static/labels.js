// Labels: names placed near what they name, so that none covers another.
//
// Each name, the most important first, takes the first free of the places it may have; one
// without a free place is left out, and the pointer still tells it.

// `names` are {text, width, height, box}, all in pixels, box [left, top, right, bottom] being
// what is named. Returns {text, x, y}, the middles of those that have room.
export function place(names, width, height, gap) {
  const taken = [];
  const placed = [];
  for (const { text, width: wide, height: tall, box } of names) {
    const [w, h] = [wide / 2 + gap, tall / 2 + gap];
    const spot = spots(box, w, h)
      .map(([x, y]) => [clamp(x, w, width - w), clamp(y, h, height - h)])
      .find(([x, y]) => taken.every(([a, b, c, d]) => Math.abs(a - x) >= w + c || Math.abs(b - y) >= h + d));
    if (!spot || 2 * w > width || 2 * h > height) continue;
    const [x, y] = spot;
    taken.push([x, y, w, h]);
    placed.push({ text, x, y });
  }
  return placed;
}

// The middle of what is wide enough to be written on; else above, below and beside it.
function spots([left, top, right, bottom], w, h) {
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  const around = [[x, top - h], [x, bottom + h], [right + w, y], [left - w, y]];
  const within = [[x, y], [x, (top + y) / 2], [x, (y + bottom) / 2]];
  return bottom - top > 5 * h ? [...within, ...around] : [...around, ...within];
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
