// The page: wires the easel, the line to the gateway, the photos and the map together.

import { learn, colour, isDark } from "./colours.js";
import { Details } from "./details.js";
import { Drawing, SIDE, toMessage } from "./drawing.js";
import { Easel, paint } from "./easel.js";
import { Examples } from "./examples.js";
import { Filters } from "./filters.js";
import { encode, fromFragment } from "./link.js";
import { Live } from "./live.js";
import { GalleryMap } from "./map.js";
import { PictureError, read } from "./picture.js";
import { Refinement } from "./refinement.js";
import { Results, element, thumbnail } from "./results.js";
import { Timing } from "./timing.js";
import * as words from "./words.js";

const MOST = 60;
const $ = (id) => document.getElementById(id);

const drawing = new Drawing();
const easel = new Easel($("easel"), drawing);
const live = new Live();
const results = new Results($("grid"));
const filters = new Filters($("chips"), $("chips-all"));
const refinement = new Refinement($("refine"));
const details = new Details();
const map = new GalleryMap($("map"));
const timing = new Timing($("clock"), $("stages"), $("stage-list"));

// What is searched for: the drawing, a picture, or a photo of the gallery.
let picture = null;
let seed = null;
let nextPage = "";
let hits = [];
let trouble = { state: "connecting", message: "", part: "" };
let confident = 0;
let galleryIsEmpty = false;

function source() {
  if (seed) return { source: "photo_id", photo_id: seed.id };
  if (picture) return { source: picture.modality };
  if (!drawing.isEmpty) return { source: "drawing", drawing: toMessage(drawing.strokes) };
  return null;
}

function search({ urgent = true, penUp = null, page = "" } = {}) {
  const what = source();
  live.wake();
  if (!what) {
    live.ask(null);
    show([], "");
    return;
  }
  if (!page) scrolls = false;
  const limit = page ? Math.min(Number($("limit").value), MOST - hits.length) : Number($("limit").value);
  live.ask(
    {
      ...what,
      ...refinement.ids,
      classes: filters.chosen,
      limit,
      page_token: page,
      context: { penUp, page },
    },
    { urgent },
  );
}

function show(found, token) {
  hits = found;
  nextPage = token;
  results.show(hits);
  results.mark(refinement.liked, refinement.disliked);
  filters.highlight(hits);
  details.hits = hits;
  const more = Boolean(token) && hits.length < MOST && hits.length > 0;
  $("more").hidden = !more;
  tell();
}

// Whether even the best photo likely shows something else.
const isUnlike = () => hits.length > 0 && confident > 0 && hits[0].score < confident;

// Says in words how things stand.
function tell() {
  const asked = source() !== null;
  results.faint(isUnlike() && !drawing.active);
  const lost = words.notice(trouble);
  const said = lost || (galleryIsEmpty && words.EMPTY_GALLERY) || (!asked && words.EMPTY) || (asked && !hits.length && trouble.state === "live" && !searching && words.NO_PHOTOS) || "";
  const notice = $("notice");
  if (notice.textContent !== said) notice.textContent = said;
  notice.hidden = !said;
  notice.dataset.kind = lost ? "trouble" : "hint";
  $("pill").dataset.state = trouble.state;
  $("pill-text").textContent = words.PILL[trouble.state];
  $("grid").setAttribute("aria-busy", String(searching && !hits.length));
  $("grid").classList.toggle("waiting", searching && !hits.length);
  for (const id of ["clear", "download", "link"]) $(id).disabled = drawing.isEmpty;
  $("clear").disabled &&= !picture;
  $("undo").disabled = !drawing.canUndo;
  $("redo").disabled = !drawing.canRedo;
  $("invitation").hidden = !drawing.isEmpty || Boolean(picture);
}

let searching = false;
let lifted = 0;
let announcing = 0;
function announce(text) {
  clearTimeout(announcing);
  // Not while the pen moves: a screen reader would never finish a sentence.
  announcing = setTimeout(() => {
    $("status").textContent = text;
    $("status").classList.toggle("unlike", isUnlike());
  }, 500);
}

live.addEventListener("asked", () => {
  searching = true;
  tell();
});

live.addEventListener("answer", async ({ detail: { answer, ask, way } }) => {
  searching = false;
  if (!source()) return;
  const { context } = ask;
  confident = answer.confident_score;
  const known = new Set(hits.map((hit) => hit.id));
  const found = context.page ? [...hits, ...answer.hits.filter((hit) => !known.has(hit.id))] : answer.hits;
  show(found, answer.next_page_token);
  if ("at" in answer && !context.page) map.walk(answer.at, answer.hits);
  if (context.page) return;
  if (context.penUp === null) {
    timing.step(answer, way);
    return;
  }
  announce(isUnlike() ? words.unlike(hits) : words.summary(hits));
  const answered = performance.now();
  const number = ++lifted;
  await results.painted();
  // Another pen-up's photos may have come first.
  if (number === lifted) timing.penUp(context.penUp, answer, way, answered, performance.now());
});

live.addEventListener("state", ({ detail }) => {
  trouble = detail;
  if (detail.state !== "live") searching = false;
  if (detail.state !== detail.before) {
    if (words.notice(detail)) announce(words.notice(detail));
    else if (detail.before !== "connecting" && detail.before !== "live") {
      announce("Connected again.");
      if (!filters.known) live.refreshClasses();
    }
  }
  tell();
});

live.addEventListener("classes", async ({ detail }) => {
  learn(detail.classes.map((each) => each.class));
  filters.learn(detail.classes);
  galleryIsEmpty = detail.classes.length === 0;
  if (detail.map && !map.size) {
    $("map-card").hidden = false;
    $("views").hidden = $("map-card").hidden = !(await map.load());
    map.walk(null, []);
  }
  tell();
});

// The drawing.

let saving = 0;
drawing.addEventListener("change", ({ detail }) => {
  if (detail === "finished") {
    clearTimeout(saving);
    saving = setTimeout(saveLink, 400);
  }
  if (easel.tool === "pen" && drawing.active) search({ urgent: false });
  tell();
});

easel.addEventListener("start", () => {
  leavePicture();
  leaveSeed();
});
easel.addEventListener("penup", ({ detail }) => search({ penUp: detail }));
easel.addEventListener("full", () => toast("The drawing is full: erase something or begin anew."));

function saveLink() {
  const text = drawing.isEmpty ? "" : `#d=${encode(drawing.finished)}`;
  if (text.length < 16000) history.replaceState(null, "", text || location.pathname);
}

function restore() {
  const strokes = fromFragment(location.hash);
  if (strokes) {
    drawing.load(strokes);
    search({ penUp: performance.now() });
  } else if (location.hash.startsWith("#d=")) {
    toast("The link's drawing is damaged.");
  }
}

function redraw(change) {
  change();
  leavePicture();
  leaveSeed();
  search({ penUp: performance.now() });
}

const actions = {
  pen: () => choose("pen"),
  eraser: () => choose("eraser"),
  undo: () => redraw(() => drawing.undo()),
  redo: () => redraw(() => drawing.redo()),
  clear: () => redraw(() => drawing.clear()),
  upload: () => $("file").click(),
  download,
  link: copyLink,
};
for (const [name, action] of Object.entries(actions)) $(name).addEventListener("click", action);

function choose(tool) {
  easel.tool = tool;
  $("pen").setAttribute("aria-pressed", tool === "pen");
  $("eraser").setAttribute("aria-pressed", tool === "eraser");
  easel.repaint();
}

$("width").addEventListener("input", () => (easel.width = Number($("width").value)));

function download() {
  if (drawing.isEmpty) return;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, SIDE, SIDE);
  paint(pen, drawing.strokes, 1, "#000");
  canvas.toBlob((blob) => {
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: "sketch.png" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }, "image/png");
}

async function copyLink() {
  if (drawing.isEmpty) return;
  saveLink();
  try {
    await navigator.clipboard.writeText(location.href);
    toast("The link to this drawing is copied.");
  } catch {
    toast("The link to this drawing is in the address bar.");
  }
}

// Pictures.

$("file").addEventListener("change", () => {
  take($("file").files[0]);
  $("file").value = "";
});
document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
  if (file) take(file);
});
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("paper").classList.toggle("dropping", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer?.files[0]);
  });
}
document.addEventListener("dragleave", () => $("paper").classList.remove("dropping"));

async function take(file) {
  if (!file) return;
  try {
    const given = await read(file);
    leavePicture();
    leaveSeed();
    picture = given;
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    toast(error.message);
    return;
  }
  $("picture-image").src = picture.url;
  $("picture").hidden = false;
  document.querySelector(`[name=modality][value=${picture.modality}]`).checked = true;
  live.give(picture.content);
  search({ penUp: performance.now() });
}

for (const radio of document.querySelectorAll("[name=modality]")) {
  radio.addEventListener("change", () => {
    picture.modality = radio.value;
    search({ penUp: performance.now() });
  });
}
$("picture-close").addEventListener("click", () => {
  leavePicture();
  search({ penUp: performance.now() });
});

function leavePicture() {
  if (!picture) return;
  URL.revokeObjectURL(picture.url);
  picture = null;
  $("picture").hidden = true;
}

// More like a photo.

function follow(hit) {
  seed = hit;
  const back = element("button", { type: "button", className: "small" }, "Back to your drawing");
  back.addEventListener("click", () => {
    leaveSeed();
    search({ penUp: performance.now() });
  });
  $("seed").replaceChildren(element("img", { src: thumbnail(hit.id), alt: "" }), element("p", {}, `More like this ${words.label(hit.class)}`), back);
  $("seed").hidden = false;
  search({ penUp: performance.now() });
  scrollTo({ top: 0, behavior: "smooth" });
}

function leaveSeed() {
  seed = null;
  $("seed").hidden = true;
  $("seed").replaceChildren();
}

// Photos.

results.addEventListener("open", ({ detail }) => details.open(detail, refinement));
results.addEventListener("like", ({ detail }) => refinement.toggle("liked", detail));
results.addEventListener("dislike", ({ detail }) => refinement.toggle("disliked", detail));
details.addEventListener("follow", ({ detail }) => follow(detail));
details.addEventListener("like", ({ detail }) => refinement.toggle("liked", detail));
details.addEventListener("dislike", ({ detail }) => refinement.toggle("disliked", detail));
refinement.addEventListener("change", () => {
  results.mark(refinement.liked, refinement.disliked);
  search({ penUp: performance.now() });
});
filters.addEventListener("change", () => search({ penUp: performance.now() }));
$("limit").addEventListener("change", () => search({ penUp: performance.now() }));

const loadMore = () => nextPage && hits.length < MOST && !searching && search({ page: nextPage });
$("more").addEventListener("click", loadMore);
// Only who scrolls wants more: twelve photos that fit the window stay twelve, and a window
// that moves because photos went does not count.
let scrolls = false;
const SCROLLING = new Set(["PageDown", "End", "ArrowDown", " "]);
for (const kind of ["wheel", "touchmove"]) addEventListener(kind, () => (scrolls = true), { passive: true });
addEventListener("keydown", ({ key, target }) => {
  if (SCROLLING.has(key) && !target.closest("canvas, select, input")) scrolls = true;
});
// On the window itself there is only its scroll bar to press.
addEventListener("pointerdown", ({ target }) => target === document.documentElement && (scrolls = true));
addEventListener("scroll", () => {
  const near = $("more").getBoundingClientRect().top < innerHeight + 300;
  if (scrolls && near && !$("more").hidden) loadMore();
}, { passive: true });

// The map.

map.addEventListener("over", ({ detail }) => {
  const tip = $("map-tip");
  const [image, caption] = tip.children;
  if (tip.dataset.id !== detail.id) {
    tip.dataset.id = detail.id;
    image.src = thumbnail(detail.id);
    caption.textContent = words.label(detail.class);
    caption.style.setProperty("--class", colour(detail.class));
  }
  const right = detail.x > $("map").clientWidth / 2;
  tip.style.translate = `calc(${detail.x}px + ${right ? "-100% - 14px" : "14px"}) calc(${detail.y}px - 50%)`;
  tip.hidden = false;
});
for (const radio of document.querySelectorAll("[name=view]")) {
  radio.addEventListener("change", () => ($("answer").dataset.view = radio.value));
}
map.addEventListener("leave", () => ($("map-tip").hidden = true));
map.addEventListener("choose", ({ detail }) => follow(detail));

// Keys, theme, help.

const KEYS = { p: "pen", e: "eraser", u: "upload", d: "download", l: "link", Delete: "clear" };
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.target.closest("select, input:not([type=range])")) return;
  const control = event.ctrlKey || event.metaKey;
  let name = control || event.altKey ? null : KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (control && event.key.toLowerCase() === "z") name = event.shiftKey ? "redo" : "undo";
  if (control && event.key.toLowerCase() === "y") name = "redo";
  if (!control && (event.key === "[" || event.key === "]")) {
    $("width").value = Number($("width").value) + (event.key === "[" ? -2 : 2);
    $("width").dispatchEvent(new Event("input"));
  } else if (!control && event.key === "?") {
    $("help").showModal();
  } else if (!name) {
    return;
  } else if (!$(name).disabled) {
    actions[name]();
  }
  event.preventDefault();
});

$("help-open").addEventListener("click", () => $("help").showModal());
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

function repaintAll() {
  easel.recolour();
  map.recolour();
  examples.recolour();
  filters.recolour();
  results.show(hits);
}
$("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("theme", document.documentElement.dataset.theme);
  } catch {
    // It holds until the page is left.
  }
  repaintAll();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaintAll);

let hiding = 0;
function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => ($("toast").hidden = true), 4000);
}

for (let number = 0; number < 12; number++) {
  const blank = element("span");
  blank.style.setProperty("--n", number);
  $("blanks").append(blank);
}
const examples = new Examples($("examples"));
examples.addEventListener("choose", ({ detail }) => redraw(() => drawing.load(detail)));
examples.load();
addEventListener("hashchange", restore);
live.connect();
restore();
tell();
