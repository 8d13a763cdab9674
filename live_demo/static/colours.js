// One colour a class, the same in chips, tiles and on the map: equally light, far apart.

const GOLDEN = 137.508;
const order = new Map();

export function learn(names) {
  order.clear();
  names.forEach((name, index) => order.set(name, index));
}

export function colour(name, dark = isDark()) {
  const index = order.get(name) ?? 0;
  const light = (dark ? 0.76 : 0.6) + 0.07 * ((index % 3) - 1);
  const chroma = 0.13 + 0.03 * ((index >> 1) % 2);
  return `oklch(${light.toFixed(3)} ${chroma.toFixed(3)} ${((index * GOLDEN) % 360).toFixed(1)})`;
}

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

// Turns light to dark and back, for good.
export function turn() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // It holds until the page is left.
  }
}
