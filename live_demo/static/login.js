// Keeps the address's drawing and folder while the password is given.
const form = document.forms[0];
form.addEventListener("submit", () => (form.action = `/login${location.hash}`));
