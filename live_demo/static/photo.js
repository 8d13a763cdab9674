// A photo of the gallery in an <img>: asked for again while the server is busy or away, and
// where it can never be shown, why not.

const PAUSES = [500, 1000, 2000, 4000, 8000, 15000];
const SIDE = 320;

export const thumbnail = (id) => `/photos/${id}/${SIDE}`;
export const large = (id) => `/photos/${id}/960`;

// Loads a photo; `lost` is called with the reason where it will not come.
export function load(image, address, lost = () => {}) {
  let tries = 0;
  const current = () => image.dataset.photo === address;
  image.dataset.photo = address;
  image.onload = () => current() && image.classList.remove("late");
  image.onerror = async () => {
    if (!current()) return;
    // An <img> does not say why: ask for the answer itself.
    const [kind, detail] = await ask(address);
    if (!current()) return;
    if (kind === "lost") return lost(detail);
    if (kind === "here" && tries > 1) return lost("unreadable");
    image.classList.add("late");
    const pause = kind === "here" ? 0 : Math.max(detail, PAUSES[Math.min(tries, PAUSES.length - 1)]);
    tries += 1;
    // Not all at the same moment; and not for a tile that has gone.
    setTimeout(() => current() && image.isConnected && (image.src = address), pause * (1 + Math.random() / 2));
  };
  image.src = address;
}

// Shows none.
export function unload(image) {
  delete image.dataset.photo;
  image.removeAttribute("src");
}

// What the server says of a photo: "here", "later" in so many milliseconds, or "lost" and why.
async function ask(address) {
  let response;
  try {
    response = await fetch(address, { signal: AbortSignal.timeout(10_000) });
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
