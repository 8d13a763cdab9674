// What the page says.

export const PILL = {
  connecting: "Connecting",
  live: "Live",
  offline: "Offline",
  full: "Full",
  away: "Search is away",
  busy: "Busy",
  slow: "Slow",
  refused: "Not understood",
};

export function notice({ state, message, part }) {
  switch (state) {
    case "offline":
      return "No connection. Your drawing is safe here; the page connects again by itself.";
    case "full":
      return `Sorry, ${message || "the zoo is full"}. The page tries again in a moment.`;
    case "away":
      return part === "encoder"
        ? "The network that looks at drawings is away. Keep drawing: the photos come when it is back."
        : part === "Qdrant"
          ? "The gallery is away. Keep drawing: the photos come when it is back."
          : "The search service is away. Keep drawing: the photos come when it is back.";
    case "busy":
      return "Many are drawing right now. Your search is tried again in a moment.";
    case "slow":
      return "That took too long, so it was dropped. Your search is tried again.";
    case "refused":
      // The service's words for a picture or a drawing with nothing on it.
      if (/nothing is drawn on it/.test(message)) return BLANK;
      return `The search refused this: ${message}`;
    default:
      return "";
  }
}

export const BLANK = "There is nothing to see on this picture: it is blank. Give another, or draw.";
export const EMPTY = "Nothing drawn yet. Start with a line: the first photos come while you draw.";
export const NO_PHOTOS = "No photo is left under these filters.";
export const EMPTY_GALLERY = "The gallery has no photos yet: ingest some, and they show up here.";

export const photos = (count) => `${count} photo${count === 1 ? "" : "s"}`;

// What was found: of the first `alike` photos the classes, of the rest only their number.
export function summary(hits, alike, only) {
  if (!hits.length) return photos(0);
  if (!alike) return only.length ? `Nothing like this in ${list(only)} alone.` : `Nothing like this here. Nearest: ${named(hits)}`;
  const rest = hits.length - alike;
  return `${photos(alike)}: ${named(hits.slice(0, alike))}${rest ? `; ${rest} less alike` : ""}`;
}

export const LESS_ALIKE = "Less alike";
export const only = (names) => `Only ${list(names)}`;

// Why a photo is not shown.
export function lost(reason, original) {
  if (original) return "On the web, not kept here";
  return LOST[reason] ?? LOST.unreadable;
}

const LOST = {
  outside: "The search service was not given its folder",
  gone: "Its file has gone or changed",
  large: "Too large to be shown",
  unreadable: "Cannot be shown",
};

const list = (names) => {
  const all = names.slice(0, 3).map(label);
  return names.length > 3 ? `${names.length} classes` : all.length > 1 ? `${all.slice(0, -1).join(", ")} and ${all.at(-1)}` : all[0];
};

// The classes of the photos, the most frequent first.
function named(hits) {
  const counts = new Map();
  for (const hit of hits) counts.set(hit.class, (counts.get(hit.class) ?? 0) + 1);
  const names = [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => label(name));
  return names.slice(0, 3).join(", ") + (names.length > 3 ? " …" : "");
}

// A class as people write it.
export const label = (name) => name.replaceAll("_", " ");

export const STAGES = [
  ["decode", "drawing it"],
  ["queue", "waiting"],
  ["encode", "looking at it"],
  ["query", "searching"],
  ["way", "on the way"],
  ["photos", "loading photos"],
];

export const FULL = {
  stroke: "The drawing is full: erase something or begin anew.",
  pieces: "The drawing has no room for more pieces: undo something, or clear it.",
};
export const RESTING = "A pen is in use: fingers draw again two seconds after it.";
export const DAMAGED = "The link's drawing is damaged.";
export const LINK = {
  copied: "The link to this drawing is copied.",
  coarse: "The link is copied. Such a large drawing fits with its finest bends left out.",
  address: "The link to this drawing is in the address bar.",
  large: "This drawing is too large for a link: download it as a picture instead.",
};

// Where one can start, without an article: an owl, a zebra.
export const start = (name) => `Start from a drawing: ${name}`;
