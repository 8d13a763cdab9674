// Hits: photos found, best first, and how many of them are like what is searched for.

import { ORDERED, kind, summary } from "./words.js";

export const MOST = 60;

export class Hits {
  // `at` is where on the map the query lies; null for nowhere, undefined without a map.
  constructor(hits, token, confident, at) {
    this.hits = hits;
    this.token = token;
    this.at = at;
    this.alike = alike(hits, confident);
  }

  static of({ hits, next_page_token: token, confident_score: confident, at }) {
    return new Hits(hits, token, confident, at);
  }

  // With the photos of the next page, each once.
  and({ hits, next_page_token: token, confident_score: confident }) {
    const known = new Set(this.hits.map((hit) => hit.id));
    return new Hits([...this.hits, ...hits.filter((hit) => !known.has(hit.id))], token, confident, this.at);
  }

  get isEmpty() {
    return this.hits.length === 0;
  }

  // Whether even the best photo likely shows something else.
  get isUnlike() {
    return !this.isEmpty && this.alike === 0;
  }

  get hasMore() {
    return Boolean(this.token) && !this.isEmpty && this.hits.length < MOST;
  }

  // These, the alike ones and the others each by date: "newest", "oldest", "" for as they are.
  ordered(order) {
    if (!order) return this.hits;
    const sign = order === "newest" ? -1 : 1;
    const by = (a, b) => (a.taken && b.taken ? sign * (a.taken < b.taken ? -1 : Number(a.taken > b.taken)) : Number(!a.taken) - Number(!b.taken));
    return [...this.hits.slice(0, this.alike).sort(by), ...this.hits.slice(this.alike).sort(by)];
  }

  // In words, where only some classes were searched.
  told(only, order) {
    const text = summary(this.hits, this.alike, only);
    return order && this.hits.length > 1 ? `${text} · ${ORDERED[order]}` : text;
  }
}

// How many come before the first that likely shows something else: its score says so, and no
// photo that shows the same is surely like the query. All, where the model states no score.
function alike(hits, confident) {
  const sure = new Set(hits.filter((hit) => hit.score >= confident).map(kind));
  const at = hits.findIndex((hit) => hit.score < confident && !(kind(hit) && sure.has(kind(hit))));
  return at < 0 ? hits.length : at;
}
