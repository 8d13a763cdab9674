// The parts of the page, each made once.

import { AddingCard } from "./adding_card.js";
import { Address } from "./address.js";
import { Canvas } from "./canvas.js";
import { Details } from "./details.js";
import { Drawing } from "./drawing.js";
import { Examples } from "./examples.js";
import { Filters } from "./filters.js";
import { Live } from "./live.js";
import { MapCard } from "./map_card.js";
import { Pictures } from "./pictures.js";
import { Place } from "./place.js";
import { Refinement } from "./refinement.js";
import { Results } from "./results.js";
import { Scrolling } from "./scrolling.js";
import { Seed } from "./seed.js";
import { Status } from "./status.js";
import { Timing } from "./timing.js";
import { Toast } from "./toast.js";
import { Tools } from "./tools.js";
import { Views } from "./views.js";
import { Welcome } from "./welcome.js";
import { Where } from "./where.js";

const $ = (id) => document.getElementById(id);

export const drawing = new Drawing();
export const canvas = new Canvas($("canvas"), drawing);
export const tools = new Tools(canvas);
export const live = new Live();
export const views = new Views();
export const place = new Place();
export const where = new Where(place);
export const adding = new AddingCard(place);
export const pictures = new Pictures();
export const seed = new Seed($("seed"));
export const results = new Results($("grid"));
export const filters = new Filters($("chips"), $("chips-all"), $("chips-only"));
export const refinement = new Refinement($("refine"));
export const details = new Details();
export const mapCard = new MapCard();
export const timing = new Timing($("clock"), $("stages"), $("stage-list"));
export const examples = new Examples($("examples"));
export const scrolling = new Scrolling($("more"));
export const welcome = new Welcome();
export const status = new Status();
export const toast = new Toast($("toast"));
export const address = new Address(drawing, views, place, toast);
