// The form's button says that it is on its way, and sends once. Without this the form works too.
(() => {
  "use strict";

  // Milliseconds: the button then helps whoever stopped the browser, or whose connection broke.
  const PATIENCE = 30_000;

  const watch = (form) => {
    // A page with two forms brings this script twice; the second would stop what the first lets go.
    if (form.dataset.plasgateIpForm) return;
    form.dataset.plasgateIpForm = "watched";
    const button = form.querySelector("[data-busy]");
    const status = form.querySelector("[role=status]");
    const label = button.textContent;
    let timer;

    const isBusy = () => button.getAttribute("aria-disabled") === "true";
    const show = (busy) => {
      clearTimeout(timer);
      // Not `disabled`, which would take the focus away.
      button.setAttribute("aria-disabled", busy);
      button.textContent = busy ? button.dataset.busy : label;
      status.textContent = busy ? button.dataset.busy : "";
    };

    form.addEventListener("submit", (event) => {
      if (isBusy()) {
        event.preventDefault();
        return;
      }
      show(true);
      timer = setTimeout(show, PATIENCE, false);
    });
    // Back may bring the page as it was left.
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) show(false);
    });
  };

  document.querySelectorAll("[data-plasgate-ip-form]").forEach(watch);
})();
