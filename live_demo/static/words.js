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
export const emptyGallery = (canAdd) => `The gallery has no photos yet: ${canAdd ? "drop some here" : "ingest some"}, and they show up.`;
export const NO_GALLERY = "There is no such gallery any more.";

export const photos = (count) => `${count} photo${count === 1 ? "" : "s"}`;

// What a photo is called: what it is, else its file, else when it was taken.
export const title = (hit) => (hit.class ? label(hit.class) : hit.file || (hit.taken ? day(hit.taken) : "photo"));
// What is on it, as people say or else as the model is sure to see; "" where neither does.
export const kind = (hit) => hit.class || hit.seen || "";
// A title in a sentence: "this owl", but "IMG_1.JPG".
export const such = (hit) => (hit.class || !(hit.file || hit.taken) ? `this ${title(hit)}` : title(hit));

export const alike = (count) => `${count} more nearly the same`;

// A camera's clock is shown as it was, wherever that was.
const format = (options) => new Intl.DateTimeFormat(undefined, { timeZone: "UTC", ...options });
const DAY = format({ dateStyle: "medium" });
const MOMENT = format({ dateStyle: "long", timeStyle: "short" });
export const day = (iso) => DAY.format(new Date(`${iso.slice(0, 10)}T00:00Z`));
export const moment = (iso) => MOMENT.format(new Date(`${iso}Z`));

// What was found: of the first `alike` photos the classes, of the rest only their number.
export function summary(hits, alike, only) {
  if (!hits.length) return DOUBT.empty(only.length);
  if (!alike) return only.length ? `Nothing like this in ${list(only)} alone.` : `Not sure: nothing like this here. Nearest: ${named(hits) || title(hits[0])}`;
  const rest = hits.length - alike;
  const names = named(hits.slice(0, alike));
  return `${photos(alike)}${names && `: ${names}`}${rest ? `; ${rest} less alike` : ""}`;
}

export const ORDERED = { newest: "newest of these first", oldest: "oldest of these first" };
export const ALL_FOLDERS = "All folders";
export const folder = (path) => (path ? path.replaceAll("/", " / ") : ALL_FOLDERS);

// A span of days, either end of it open.
export function days(from, to) {
  if (!from && !to) return "Any time";
  if (!to) return `Since ${day(from)}`;
  if (!from) return `Until ${day(to)}`;
  if (from.endsWith("-01-01") && to === `${from.slice(0, 4)}-12-31`) return from.slice(0, 4);
  return from === to ? day(from) : `${day(from)} – ${day(to)}`;
}

export const LESS_ALIKE = "Less alike";
export const MORE = "More like this";

// What may count, and what that means.
export const FOCUSES = {
  subject: ["the same thing", "What it shows, in any pose"],
  both: ["both", "What it shows, and how: pose, view and layout"],
  shape: ["the same pose", "How it is drawn, more than what it shows"],
};

// Words in the box.
export const WORDS = {
  asks: { placeholder: "Or say it in words", hint: "Words count beside the drawing, or alone." },
  filters: { placeholder: "Filter by class, folder or tag", hint: "Filters by class, folder and tags: this gallery's model knows no words." },
  unknown: (words) => `No class, folder or tag here is called ${words.map((word) => `“${word}”`).join(", ")}.`,
  beside: { drawing: "drawing", sketch: "sketch" },
  away: "The gallery could not be asked. Try again.",
};
const TAGS = { camera: "Camera" };
// What a filter is called: a folder by its path, several by the word, a tag with its field.
export function tagName({ field, values, word }) {
  if (field !== "folders") return `${TAGS[field] ?? field[0].toUpperCase() + field.slice(1)}: ${word}`;
  return values.length > 1 ? `${word} (${values.length} folders)` : folder(values[0]);
}

// Where no photo is surely like what was asked.
export const DOUBT = {
  unlike: "Not sure: no photo here is surely like this.",
  empty: (isNarrowed) => (isNarrowed ? "Nothing is left under these filters." : "Not sure: there is nothing like this here."),
  widen: "Without filters",
  say: "Say it in words",
  filter: "Filter by words",
  ways({ near, classes, isNarrowed, takesText }) {
    const all = [
      near && "take a photo that comes near, by its “More like this”",
      classes && "pick what it is",
      isNarrowed && "look without the filters",
      takesText ? "say it in words" : "filter by words",
    ].filter(Boolean);
    const text = all.length > 1 ? `${all.slice(0, -1).join(", ")}, or ${all.at(-1)}` : all[0];
    return `${text[0].toUpperCase()}${text.slice(1)}.`;
  },
};
export const only = (names) => `Only ${list(names)}`;
export const SEEN = "The model sees";

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

// What is on the photos, the most frequent first.
function named(hits) {
  const counts = new Map();
  for (const each of hits.map(kind)) if (each) counts.set(each, (counts.get(each) ?? 0) + 1);
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

// What the card that adds photos says.
const MEGABYTE = 1024 * 1024;
const told = (counts) => {
  const { written, updated, unchanged, failed, skipped } = counts;
  return [
    [written, "added"], [updated, "updated"], [unchanged, "there already"], [failed, "failed"], [skipped, skipped === 1 ? "other file left out" : "other files left out"],
  ].filter(([count]) => count).map(([count, what]) => `${count} ${what}`).join(", ");
};
export const ADDING = {
  where: (path) => (path ? `They go into the folder ${folder(path)}.` : "Their folders are kept."),
  looking: "Looking into the folder …",
  progress: (finished, total, counts) => `${finished} of ${total}${counts.failed ? ` · ${counts.failed} failed` : ""}`,
  again: "The gallery is busy or away; it is tried again in a moment.",
  end: (counts) => `Done: ${told(counts)}.`,
  cancelled: (counts) => `Stopped. ${told(counts) ? `Until then: ${told(counts)}.` : ""}`,
  nothing: "There was no file in it.",
  outcome: { written: "added", updated: "updated", unchanged: "there already", failed: "failed" },
  large: (most) => `It is larger than ${Math.round(most / MEGABYTE)} MB, the most that is taken.`,
  empty: "The file is empty.",
  away: "The gallery service could not be reached.",
};
