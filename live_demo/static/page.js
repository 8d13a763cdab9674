// The page: wires the canvas, the line to the gateway, the photos and the map together.

import { learn } from "./colours.js";
import { bind, onTurn } from "./controls.js";
import { watch } from "./drops.js";
import { Hits, MOST } from "./hits.js";
import {
  adding, address, canvas, details, doubt, drawing, examples, filters, focus, live, mapCard,
  pictures, place, refinement, results, scrolling, seed, status, textBox, timing, toast, tools, views, welcome, where,
} from "./parts.js";
import { lookIn } from "./photo.js";
import { source as sourceOf } from "./query.js";
import { sketching } from "./sketching.js";
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
let isTold = false;

const source = () => sourceOf(views.current, drawing, textBox.asked);
// Words and a focus of a link mean what the model makes of them, which the gateway has yet to tell.
const waits = () => !isTold && (views.current.text || place.isFocused);

function search({ urgent = true, penUp = null, page = "" } = {}) {
  const view = views.current;
  const what = source();
  if (!page) [view.answer, view.at] = [null, place.key];
  if (waits()) return;
  if (!what) return rest(NOTHING);
  if (!page) scrolling.reset();
  const limit = Math.min(Number($("limit").value), page ? MOST - shown.hits.length : MOST);
  // What looks nearly the same may lie anywhere.
  const within = view.burst ? { gallery: place.gallery, burst: view.burst, ...place.counted } : place.asked;
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
  // Its own words, or none.
  address.save();
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
  textBox.use(view);
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
  textBox.weigh(source()?.source);
  doubt.show(asked && !galleryIsEmpty && shown !== NOTHING ? shown : null, drawing.active);
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
  const waited = waits();
  isTold = true;
  const news = [focus, textBox].map((each) => each.learn(detail));
  $("leave").hidden = !detail.leave;
  galleryIsEmpty = detail.total === 0;
  if (detail.map) await mapCard.open();
  else mapCard.close();
  if (waited || news.includes(true)) searchNow();
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

const redraw = sketching({ begin, search, searchNow, tell });

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

textBox.addEventListener("filter", ({ detail }) => filters.choose(detail));
textBox.addEventListener("words", ({ detail }) => {
  Object.assign(views.current, detail);
  address.save();
  searchNow();
});

// Photos.

results.addEventListener("open", ({ detail }) => inspect(detail));
details.addEventListener("shown", ({ detail }) => inspect(detail));
details.addEventListener("closed", () => views.closed());
for (const place of [results, details]) place.addEventListener("follow", ({ detail }) => follow(detail));
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

// Not of a query that has been changed since.
const loadMore = () => shown.hasMore && !searching && views.current.answer === shown && search({ page: shown.token });
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
  // The words were not drawn.
  clear: () => begin({ text: views.current.text, weight: views.current.weight }, () => drawing.clear()),
  upload: () => pictures.choose(),
  download: () => drawing.isEmpty || download(drawing.strokes),
  link: () => address.copy(),
  text: () => textBox.focus(),
  focus: () => focus.turn(),
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
