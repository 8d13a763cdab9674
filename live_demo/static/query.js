// The query: what a view searches for, as the gateway is asked.

import { toMessage } from "./drawing.js";

// A photo of the gallery, a picture, or the drawing; null where there is nothing yet.
export function source({ seed, picture }, drawing) {
  if (seed) return { source: "photo_id", photo_id: seed.id };
  if (picture) return { source: picture.modality, picture: picture.handle ?? "" };
  if (!drawing.isEmpty) return { source: "drawing", drawing: toMessage(drawing.strokes) };
  return null;
}
