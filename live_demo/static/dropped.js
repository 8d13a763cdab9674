// What was dropped: its files, each with the folder that it lies in.

// To be called while the drop is being told: its entries are gone right after.
export function entries(transfer) {
  return [...(transfer?.items ?? [])]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? { isFile: true, fullPath: `/${item.getAsFile()?.name}`, given: item.getAsFile() });
}

export const hasFolder = (found) => found.some((entry) => entry.isDirectory);

// Yields the files of entries, folder by folder, as lists of `{file, folder}`: the first are on
// their way while the last are still looked for.
export async function* walk(found, base = "") {
  const own = found.filter((entry) => entry.isFile);
  const files = await Promise.all(own.map((entry) => fileOf(entry).catch(() => null)));
  const there = own.map((entry, at) => ({ file: files[at], folder: folderOf(entry, base) }));
  if (there.length) yield there.filter(({ file }) => file);
  for (const folder of found.filter((entry) => entry.isDirectory && !entry.name.startsWith("."))) {
    const reader = folder.createReader();
    // A reader gives a hundred at a time, and none at the end.
    for (;;) {
      const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
      if (!some.length) break;
      yield* walk(some, base);
    }
  }
}

// The files of an input, whose folders the browser tells beside them.
export function chosen(files, base = "") {
  return [...files].map((file) => ({ file, folder: join(base, file.webkitRelativePath.split("/").slice(0, -1).join("/")) }));
}

const fileOf = (entry) => entry.given ?? new Promise((resolve, reject) => entry.file(resolve, reject));
const folderOf = (entry, base) => join(base, entry.fullPath.split("/").slice(1, -1).join("/"));
const join = (base, below) => [base, below].filter(Boolean).join("/");
