// Copies the address of the field. Where the browser does not allow it, the visitor copies it.
(() => {
  "use strict";
  const box = document.querySelector("[data-plasgate-ip-copy]");
  const field = box.querySelector("input");
  const button = box.querySelector("button");
  // Only pages that came over HTTPS have a clipboard.
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    field.focus();
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      return;
    }
    button.textContent = button.dataset.copied;
    box.querySelector("[role=status]").textContent = button.dataset.copied;
  });
})();
