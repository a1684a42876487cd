// Shows that the form is being sent, and sends it once. The form also works without this script.
(() => {
  "use strict";

  // Milliseconds. Then the button works again, in case the connection broke.
  const PATIENCE = 30000;

  const watch = (form) => {
    // A page with two forms loads this script twice. A second listener would stop the form.
    if (form.dataset.plasgateIpForm) return;
    form.dataset.plasgateIpForm = "watched";
    const button = form.querySelector("[data-busy]");
    const status = form.querySelector("[role=status]");
    const label = button.textContent;
    let timer;

    const isBusy = () => button.getAttribute("aria-disabled") === "true";
    const show = (busy) => {
      clearTimeout(timer);
      // Not `disabled`: the button would lose the focus.
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
    // Back may restore the page as the visitor left it.
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) show(false);
    });
  };

  document.querySelectorAll("[data-plasgate-ip-form]").forEach(watch);
})();
