// A drawing as the fragment of a link: `#d=` and base64url of a few hundred bytes.
//
// Version, then for each stroke its number of points, its width doubled with a bit for
// pressure, and the steps from point to point, all as variable-length integers.

import { MAX_POINTS, MAX_STROKES, SIDE, coarsened } from "./drawing.js";

const VERSION = 1;
const MAX_CHARACTERS = 30000;
// Mail programs and chats cut longer links.
const LONGEST = 16000;

// The fragment of a drawing, and whether it has fewer points for it; null where it is too long.
export function toFragment(strokes) {
  if (!strokes.length) return { text: "", coarse: false };
  let text = encode(strokes);
  const whole = text.length < LONGEST;
  const fitting = whole || coarsened(strokes, (coarse) => (text = encode(coarse)).length < LONGEST);
  return fitting ? { text: `#d=${text}`, coarse: !whole } : null;
}

function encode(strokes) {
  const bytes = [VERSION];
  const put = (value) => {
    for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
    bytes.push(value);
  };
  const step = (value) => put(value < 0 ? -2 * value - 1 : 2 * value);
  let [px, py] = [0, 0];
  for (const { x, y, width, pressure } of strokes) {
    put(x.length);
    put(2 * Math.round(width) + (pressure ? 1 : 0));
    for (let i = 0; i < x.length; i++) {
      step(x[i] - px);
      step(y[i] - py);
      [px, py] = [x[i], y[i]];
      if (pressure) bytes.push(pressure[i]);
    }
  }
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

// The strokes of a link's text; null where it is damaged or over the limits.
export function decode(text) {
  if (!text || text.length > MAX_CHARACTERS || !/^[\w-]+$/.test(text)) return null;
  let raw;
  try {
    raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null;
  }
  let at = 0;
  const byte = () => {
    if (at >= raw.length) throw new RangeError("the link ends early");
    return raw.charCodeAt(at++);
  };
  const number = () => {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const part = byte();
      value |= (part & 127) << shift;
      if (part < 128) return value;
    }
    throw new RangeError("a number is too long");
  };
  const step = () => {
    const value = number();
    return value & 1 ? -((value + 1) >> 1) : value >> 1;
  };
  try {
    if (byte() !== VERSION) return null;
    const strokes = [];
    let [x, y, points] = [0, 0, 0];
    while (at < raw.length) {
      const count = number();
      const width = number();
      points += count;
      if (!count || points > MAX_POINTS || strokes.length >= MAX_STROKES) return null;
      const stroke = { x: [], y: [], width: Math.min(200, Math.max(1, width >> 1)), pressure: width & 1 ? [] : null };
      for (let i = 0; i < count; i++) {
        x += step();
        y += step();
        if (x < 0 || y < 0 || x >= SIDE || y >= SIDE) return null;
        stroke.x.push(x);
        stroke.y.push(y);
        if (stroke.pressure) stroke.pressure.push(byte());
      }
      strokes.push(stroke);
    }
    return strokes.length ? strokes : null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

export const fromFragment = (hash) => decode(new URLSearchParams(hash.slice(1)).get("d"));
