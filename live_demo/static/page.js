// The page: wires the canvas, the line to the gateway, the photos and the map together.

import { learn } from "./colours.js";
import { bind, onTurn } from "./controls.js";
import { watch } from "./drops.js";
import { Hits, MOST } from "./hits.js";
import {
  adding, address, canvas, details, drawing, examples, filters, live, mapCard,
  pictures, place, refinement, results, scrolling, seed, status, timing, toast, tools, views, welcome, where,
} from "./parts.js";
import { lookIn } from "./photo.js";
import { source as sourceOf } from "./query.js";
import { download } from "./tools.js";
import * as words from "./words.js";

const $ = (id) => document.getElementById(id);
const RENEWALS = 3;

// The photos shown, and whose view's they are.
const NOTHING = new Hits([], "", 0, null);
let shown = NOTHING;
let shownIn = views.current;
let trouble = { state: "connecting", message: "", part: "" };
let searching = false;
let galleryIsEmpty = false;

const source = () => sourceOf(views.current, drawing);

function search({ urgent = true, penUp = null, page = "" } = {}) {
  const view = views.current;
  const what = source();
  if (!page) [view.answer, view.at] = [null, place.key];
  if (!what) return rest(NOTHING);
  if (!page) scrolling.reset();
  const limit = Math.min(Number($("limit").value), page ? MOST - shown.hits.length : MOST);
  // What looks nearly the same may lie anywhere.
  const within = view.burst ? { gallery: place.gallery, burst: view.burst } : place.asked;
  const ask = { ...what, ...refinement.ids, ...within, ...filters.asked, limit, page_token: page };
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
  seed.show(view.seed, Boolean(view.burst));
  if (view.strokes && view.strokes !== drawing.finished) drawing.load(view.strokes);
  view.strokes = drawing.finished;
  refinement.use(view);
  filters.use(view);
  status.announce("");
  if (!view.answer || view.at !== place.key) return searchNow();
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
  const moved = place.read(location.hash);
  if (views.current !== before || moved) {
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
  const hits = shown.ordered(drawing.active ? "" : place.order);
  results.show(hits, drawing.active ? hits.length : shown.alike);
  results.mark(refinement.liked, refinement.disliked);
  filters.highlight(hits);
  details.hits = hits;
  $("more").hidden = !shown.hasMore;
  tell();
}

const announce = () => status.announce(shown.told(filters.names, place.order), shown.isUnlike);

// Says in words how things stand.
function tell() {
  const asked = source() !== null;
  results.faint(shown.isUnlike && !drawing.active);
  const empty = galleryIsEmpty && words.emptyGallery(adding.isAllowed);
  status.tell({ asked, trouble, searching, found: !shown.isEmpty, empty });
  tools.enable(drawing, Boolean(views.current.picture));
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
  if (view.picture?.file) view.picture.renewals = 0;
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
  const { state, before, reason } = detail;
  if (state !== "live") searching = false;
  const { picture } = views.current;
  // Where it is gone again and again, others need the room, or another gateway has it.
  if (reason === "GONE" && picture?.file && picture.renewals++ < RENEWALS) return void pictures.renew(picture);
  // Photos of another query would pass for this one's.
  if (words.notice(detail) && (shownIn !== views.current || state === "refused")) show(NOTHING);
  if (state !== before) {
    if (words.notice(detail)) status.announce(words.notice(detail));
    else if (before !== "connecting" && before !== "refused") status.announce("Connected again.");
  }
  tell();
});

live.addEventListener("gallery", async ({ detail }) => {
  learn([...new Set([...detail.classes, ...detail.seen].map((each) => each.name))].sort());
  filters.learn(detail);
  where.learn(detail);
  adding.learn(detail);
  $("leave").hidden = !detail.leave;
  galleryIsEmpty = detail.total === 0;
  if (detail.map) await mapCard.open();
  else mapCard.close();
  tell();
});

// Where is looked.

function look() {
  lookIn(place.gallery);
  live.gallery = place.gallery;
}
place.addEventListener("read", look);
place.addEventListener("change", ({ detail }) => {
  // A gallery's photos are in no other one.
  if ("gallery" in detail) begin({}, look);
  else if ("sort" in detail) show(shown);
  else searchNow();
  if ("sort" in detail) announce();
});
live.addEventListener("locked", () => {
  // The door comes in the page's place, and the drawing behind it again.
  address.save();
  location.reload();
});
live.addEventListener("lacking", () => {
  toast.say(words.NO_GALLERY);
  place.change({ gallery: "" });
});
adding.addEventListener("added", () => {
  live.refresh();
  where.refresh();
  if (source()) searchNow();
});
watch(pictures, adding);

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
for (const kind of ["modality", "renewed"]) pictures.addEventListener(kind, searchNow);
pictures.addEventListener("close", backToDrawing);
seed.addEventListener("back", backToDrawing);

function backToDrawing() {
  if (!views.back()) begin();
}

function follow(hit, burst = "") {
  begin({ seed: hit, burst });
  scrollTo({ top: 0, behavior: "smooth" });
}

// Photos.

results.addEventListener("open", ({ detail }) => inspect(detail));
details.addEventListener("shown", ({ detail }) => inspect(detail));
details.addEventListener("closed", () => views.closed());
details.addEventListener("follow", ({ detail }) => follow(detail));
details.addEventListener("burst", ({ detail }) => follow(detail, detail.burst));
details.addEventListener("folder", ({ detail }) => {
  views.stay();
  place.change({ in: detail.folder });
});
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

onTurn(() => {
  for (const each of [canvas, mapCard, examples, filters]) each.recolour();
  show(shown);
});

examples.load();
live.start();
address.restore();
enter();
if (views.open) details.open(views.open, refinement);
