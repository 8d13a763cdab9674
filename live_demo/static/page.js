// The page: wires the canvas, the line to the gateway, the photos and the map together.

import { Address } from "./address.js";
import { MapCard } from "./map_card.js";
import { learn, turn } from "./colours.js";
import { bind } from "./controls.js";
import { Details } from "./details.js";
import { Drawing, toMessage } from "./drawing.js";
import { Canvas } from "./canvas.js";
import { Examples } from "./examples.js";
import { Filters } from "./filters.js";
import { Hits, MOST } from "./hits.js";
import { Live } from "./live.js";
import { Pictures } from "./pictures.js";
import { Refinement } from "./refinement.js";
import { Results } from "./results.js";
import { Scrolling } from "./scrolling.js";
import { Seed } from "./seed.js";
import { Status } from "./status.js";
import { Timing } from "./timing.js";
import { Toast } from "./toast.js";
import { Tools, download } from "./tools.js";
import { Views } from "./views.js";
import { Welcome } from "./welcome.js";
import * as words from "./words.js";

const $ = (id) => document.getElementById(id);

const drawing = new Drawing();
const canvas = new Canvas($("canvas"), drawing);
const tools = new Tools(canvas);
const live = new Live();
const views = new Views();
const pictures = new Pictures();
const seed = new Seed($("seed"));
const results = new Results($("grid"));
const filters = new Filters($("chips"), $("chips-all"), $("chips-only"));
const refinement = new Refinement($("refine"));
const details = new Details();
const mapCard = new MapCard();
const timing = new Timing($("clock"), $("stages"), $("stage-list"));
const examples = new Examples($("examples"));
const scrolling = new Scrolling($("more"));
const welcome = new Welcome();
const status = new Status();
const toast = new Toast($("toast"));
const address = new Address(drawing, views, toast);

// The photos shown, and whose view's they are.
const NOTHING = new Hits([], "", 0, null);
let shown = NOTHING;
let shownIn = views.current;
let trouble = { state: "connecting", message: "", part: "" };
let searching = false;
let galleryIsEmpty = false;

// What is searched for: a photo of the gallery, a picture, or the drawing.
function source() {
  const { seed: photo, picture } = views.current;
  if (photo) return { source: "photo_id", photo_id: photo.id };
  if (picture) return { source: picture.modality };
  if (!drawing.isEmpty) return { source: "drawing", drawing: toMessage(drawing.strokes) };
  return null;
}

function search({ urgent = true, penUp = null, page = "" } = {}) {
  const view = views.current;
  const what = source();
  if (!page) view.answer = null;
  if (!what) return rest(NOTHING);
  if (!page) scrolling.reset();
  const limit = Math.min(Number($("limit").value), page ? MOST - shown.hits.length : MOST);
  const ask = { ...what, ...refinement.ids, classes: filters.chosen, limit, page_token: page };
  live.ask({ ...ask, context: { view, penUp, page } }, { urgent });
}

const searchNow = () => search({ penUp: performance.now() });

// Begins a new query, of `sources` or, after `change`, of the drawing. Likes, chips, words
// and pages are a view's: none of the last query's stay.
function begin(sources = {}, change = () => {}) {
  address.save();
  views.begin(sources);
  details.open(null);
  change();
  enter();
}

// Shows the current view: all that belongs to it.
function enter() {
  const view = views.current;
  pictures.cancel();
  pictures.show(view.picture);
  live.give(view.picture?.content ?? null);
  seed.show(view.seed);
  if (view.strokes && view.strokes !== drawing.finished) drawing.load(view.strokes);
  view.strokes = drawing.finished;
  refinement.use(view);
  filters.use(view);
  status.announce("");
  if (!view.answer) return searchNow();
  rest(view.answer);
  announce();
}

// Shows what asks for no search.
function rest(found) {
  live.ask(null);
  searching = false;
  mapCard.show(found);
  show(found);
}

views.addEventListener("travel", ({ detail: { before } }) => {
  if (views.current !== before) {
    // A link that was opened here, or a place that only the browser remembers.
    if (!views.current.strokes) address.restore();
    enter();
  }
  details.open(views.open, refinement);
  address.save();
});

// The answer.

function show(found) {
  [shown, shownIn] = [found, views.current];
  results.show(shown.hits, drawing.active ? shown.hits.length : shown.alike);
  results.mark(refinement.liked, refinement.disliked);
  filters.highlight(shown.hits);
  details.hits = shown.hits;
  $("more").hidden = !shown.hasMore;
  tell();
}

const announce = () => status.announce(shown.told(filters.chosen), shown.isUnlike);

// Says in words how things stand.
function tell() {
  const asked = source() !== null;
  results.faint(shown.isUnlike && !drawing.active);
  const lost = words.notice(trouble);
  const none = asked && shown.isEmpty && trouble.state === "live" && !searching;
  const hint = lost || (galleryIsEmpty && words.EMPTY_GALLERY) || (!asked && words.EMPTY) || (none && words.NO_PHOTOS) || "";
  status.notice(hint, lost ? "trouble" : "hint");
  status.connection(trouble.state);
  status.waits(searching && shown.isEmpty);
  for (const id of ["clear", "download", "link"]) $(id).disabled = drawing.isEmpty;
  $("clear").disabled &&= !views.current.picture;
  $("undo").disabled = !drawing.canUndo;
  $("redo").disabled = !drawing.canRedo;
  $("invitation").hidden = !drawing.isEmpty || Boolean(views.current.picture);
  welcome.show(!asked && !galleryIsEmpty);
}

live.addEventListener("asked", () => {
  searching = true;
  tell();
});

let lifted = 0;
live.addEventListener("answer", async ({ detail: { answer, ask, way } }) => {
  searching = false;
  const { view, page, penUp } = ask.context;
  if (view !== views.current || !source()) return;
  show(page ? shown.and(answer) : Hits.of(answer));
  view.answer = shown;
  if (page) return announce();
  mapCard.show(shown);
  if (penUp === null) return timing.step(answer, way);
  announce();
  const answered = performance.now();
  const number = ++lifted;
  await results.painted();
  // Another pen-up's photos may have come first.
  if (number === lifted) timing.penUp(penUp, answer, way, answered, performance.now());
});

live.addEventListener("state", ({ detail }) => {
  trouble = detail;
  const { state, before } = detail;
  if (state !== "live") searching = false;
  // Photos of another query would pass for this one's.
  if (words.notice(detail) && (shownIn !== views.current || state === "refused")) show(NOTHING);
  if (state !== before) {
    if (words.notice(detail)) status.announce(words.notice(detail));
    else if (before !== "connecting" && before !== "refused") status.announce("Connected again.");
  }
  tell();
});

live.addEventListener("classes", async ({ detail }) => {
  learn(detail.classes.map((each) => each.class));
  filters.learn(detail.classes);
  galleryIsEmpty = detail.classes.length === 0;
  if (detail.map) await mapCard.open();
  tell();
});

// The drawing.

drawing.addEventListener("change", ({ detail }) => {
  if (detail === "finished" && views.current.isDrawing) views.current.strokes = drawing.finished;
  if (canvas.tool === "pen" && drawing.active) search({ urgent: false });
  tell();
});

// A line drawn over something else begins a query; taken back, so is that.
let began = false;
canvas.addEventListener("start", () => {
  pictures.cancel();
  if (!views.current.isDrawing) {
    began = true;
    begin();
  } else if (!drawing.finished.length && !refinement.isEmpty) {
    refinement.reset();
  }
});
canvas.addEventListener("penup", ({ detail }) => {
  began = false;
  search({ penUp: detail });
});
canvas.addEventListener("cancel", () => {
  if (began) views.retract();
  else searchNow();
  began = false;
});
canvas.addEventListener("full", ({ detail }) => toast.say(words.FULL[detail]));
canvas.addEventListener("resting", () => toast.say(words.RESTING), { once: true });

// Steps through the drawing's history go on with its query; over something else they begin one.
function redraw(change) {
  if (!views.current.isDrawing) return begin({}, change);
  pictures.cancel();
  change();
  searchNow();
}

examples.addEventListener("choose", ({ detail }) => begin({}, () => drawing.load(detail)));

// Pictures, and photos that others are searched like.

pictures.addEventListener("given", ({ detail }) => begin({ picture: detail }));
pictures.addEventListener("unread", ({ detail }) => toast.say(detail));
pictures.addEventListener("modality", searchNow);
pictures.addEventListener("close", backToDrawing);
seed.addEventListener("back", backToDrawing);

function backToDrawing() {
  if (!views.back()) begin();
}

function follow(hit) {
  begin({ seed: hit });
  scrollTo({ top: 0, behavior: "smooth" });
}

// Photos.

results.addEventListener("open", ({ detail }) => inspect(detail));
details.addEventListener("shown", ({ detail }) => inspect(detail));
details.addEventListener("closed", () => views.closed());
details.addEventListener("follow", ({ detail }) => follow(detail));
for (const [kind, list] of [["like", "liked"], ["dislike", "disliked"]]) {
  for (const place of [results, details]) place.addEventListener(kind, ({ detail }) => refinement.toggle(list, detail));
}
refinement.addEventListener("change", () => {
  results.mark(refinement.liked, refinement.disliked);
  searchNow();
});
filters.addEventListener("change", searchNow);
$("limit").addEventListener("change", searchNow);

function inspect(hit) {
  address.save();
  views.show(hit);
  details.open(hit, refinement);
}

const loadMore = () => shown.hasMore && !searching && search({ page: shown.token });
$("more").addEventListener("click", loadMore);
scrolling.addEventListener("near", loadMore);
mapCard.addEventListener("choose", ({ detail }) => follow(detail));

// Buttons and keys.

bind({
  pen: () => tools.choose("pen"),
  eraser: () => tools.choose("eraser"),
  thinner: () => tools.widen(-1),
  thicker: () => tools.widen(1),
  undo: () => redraw(() => drawing.undo()),
  redo: () => redraw(() => drawing.redo()),
  clear: () => begin({}, () => drawing.clear()),
  upload: () => pictures.choose(),
  download: () => drawing.isEmpty || download(drawing.strokes),
  link: () => address.copy(),
  "help-open": () => $("help").showModal(),
});

function repaintAll() {
  canvas.recolour();
  mapCard.recolour();
  examples.recolour();
  filters.recolour();
  results.show(shown.hits, shown.alike);
}
$("theme").addEventListener("click", () => {
  turn();
  repaintAll();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaintAll);

examples.load();
live.start();
address.restore();
enter();
if (views.open) details.open(views.open, refinement);
