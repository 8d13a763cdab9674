// What the page says.

export const PILL = {
  connecting: "Connecting",
  live: "Live",
  offline: "Offline",
  full: "Full",
  away: "Search is away",
  busy: "Busy",
  slow: "Slow",
  idle: "Asleep",
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
    case "idle":
      return "The page has been quiet for long and fell asleep. Draw to wake it.";
    case "refused":
      return `The search refused this: ${message}`;
    default:
      return "";
  }
}

export const EMPTY = "Nothing drawn yet. Start with a line: the first photos come while you draw.";
export const NO_PHOTOS = "No photo is left under these filters.";
export const EMPTY_GALLERY = "The gallery has no photos yet: ingest some, and they show up here.";

export const photos = (count) => `${count} photo${count === 1 ? "" : "s"}`;

export function summary(hits) {
  return hits.length ? `${photos(hits.length)}: ${named(hits)}` : photos(0);
}

export const unlike = (hits) => `Nothing like this here. Nearest: ${named(hits)}`;

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
