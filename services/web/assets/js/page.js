// On every page: a form that came back with errors is read from its summary on, and a form is sent once.

const summary = document.getElementById("errors");
if (summary) {
  summary.focus();
  for (const link of summary.querySelectorAll("a")) {
    link.addEventListener("click", (event) => {
      const field = document.getElementById(link.hash.slice(1));
      if (!field) return;
      event.preventDefault();
      field.focus({ preventScroll: true });
      const label = document.querySelector(`label[for="${CSS.escape(field.id)}"]`) ?? field;
      label.scrollIntoView();
    });
  }
}

for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
// Back brings a page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
