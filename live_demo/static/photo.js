// A photo of the gallery in an <img>: asked for again while the server is busy or away, and
// where it can never be shown, why not.

const PAUSES = [500, 1000, 2000, 4000, 8000, 15000];
const SIDE = 320;

let gallery = "";

// Of which gallery photos are asked for from now on, "" for the service's own.
export function lookIn(name) {
  gallery = name;
}

const address = (id, what, keys = {}) => {
  const query = new URLSearchParams(gallery ? { gallery, ...keys } : keys).toString();
  return `/photos/${id}/${what}${query && `?${query}`}`;
};
export const thumbnail = (id) => address(id, SIDE);
export const large = (id) => address(id, 960);
// The file as it was ingested, to look at or to keep.
export const whole = (id) => address(id, "original");
export const saved = (id) => address(id, "original", { save: 1 });

// Loads a photo; `lost` is called with the reason where it will not come.
export function load(image, source, lost = () => {}) {
  let tries = 0;
  const current = () => image.dataset.photo === source;
  image.dataset.photo = source;
  image.onload = () => current() && image.classList.remove("late");
  image.onerror = async () => {
    if (!current()) return;
    // An <img> does not say why: ask for the answer itself.
    const [kind, detail] = await ask(source);
    if (!current()) return;
    if (kind === "lost") return lost(detail);
    if (kind === "here" && tries > 1) return lost("unreadable");
    image.classList.add("late");
    const pause = kind === "here" ? 0 : Math.max(detail, PAUSES[Math.min(tries, PAUSES.length - 1)]);
    tries += 1;
    // Not all at the same moment; and not for a tile that has gone.
    setTimeout(() => current() && image.isConnected && (image.src = source), pause * (1 + Math.random() / 2));
  };
  image.src = source;
}

// Shows none.
export function unload(image) {
  delete image.dataset.photo;
  image.removeAttribute("src");
}

// What the server says of a photo: "here", "later" in so many milliseconds, or "lost" and why.
async function ask(source) {
  let response;
  try {
    response = await fetch(source, { signal: AbortSignal.timeout(10_000) });
  } catch {
    return ["later", 0];
  }
  if (response.ok) return ["here"];
  if (response.status === 404) {
    const { reason = "gone" } = await response.json().catch(() => ({}));
    return ["lost", reason];
  }
  return ["later", 1000 * (Number(response.headers.get("retry-after")) || 0)];
}
