// The element is a field of the form. A real page would send the form; this one shows what it
// would send.
const form = document.querySelector("form");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const data = new FormData(form);
  form.querySelector("output").textContent = `“${data.get("letter")}” — ${data.get("name")}`;
});
