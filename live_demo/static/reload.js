// Loads the page again where a script of it did not come: one lost file would leave it dead.
addEventListener("error", ({ target }) => {
  if (target.tagName !== "SCRIPT") return;
  try {
    const before = Number(sessionStorage.getItem("reloaded"));
    if (Date.now() - before < 10000) return;
    sessionStorage.setItem("reloaded", Date.now());
    setTimeout(() => location.reload(), 500);
  } catch {
    // Without storage it might go on for ever.
  }
}, true);
