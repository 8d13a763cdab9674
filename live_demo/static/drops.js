// Drops: what is let go over the page is a picture to search with, or photos to add.

const $ = (id) => document.getElementById(id);

// `adding` says what it wants (`wants`, `drop`); the rest is `pictures`'.
export function watch(pictures, adding) {
  const places = { paper: $("paper"), answer: $("answer") };
  const mark = (over) => {
    for (const [name, place] of Object.entries(places)) place.classList.toggle("dropping", name === over);
  };
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    if (event.dataTransfer?.types.includes("Files")) mark(adding.wants(event.dataTransfer, event.target) ? "answer" : "paper");
  });
  document.addEventListener("dragleave", () => mark(null));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(null);
    if (adding.wants(event.dataTransfer, event.target)) adding.drop(event.dataTransfer);
    else pictures.take(event.dataTransfer?.files[0]);
  });
}
