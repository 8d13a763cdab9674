// The query: what a view searches for, as the gateway is asked.

import { toMessage } from "./drawing.js";

// A photo of the gallery, a picture or the drawing, with `words` beside it, or words alone; null where
// there is nothing yet.
export function source({ seed, picture }, drawing, words) {
  if (seed) return { source: "photo_id", photo_id: seed.id, ...words };
  if (picture) return { source: picture.modality, picture: picture.handle ?? "", ...words };
  if (!drawing.isEmpty) return { source: "drawing", drawing: toMessage(drawing.strokes), ...words };
  return words.text ? { source: "text", text: words.text } : null;
}
