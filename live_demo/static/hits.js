// Hits: photos found, best first, and how many of them are like what is searched for.

import { summary } from "./words.js";

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

  // In words, where only some classes were searched.
  told(only) {
    return summary(this.hits, this.alike, only);
  }
}

// How many come before the first that likely shows something else: its score says so, and no
// photo of its class is surely like the query. All, where the model states no score.
function alike(hits, confident) {
  const sure = new Set(hits.filter((hit) => hit.score >= confident).map((hit) => hit.class));
  const at = hits.findIndex((hit) => hit.score < confident && !(hit.class && sure.has(hit.class)));
  return at < 0 ? hits.length : at;
}
