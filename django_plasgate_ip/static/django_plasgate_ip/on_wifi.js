// Shows a hint while the browser reports Wi-Fi. Only Chromium on Android and ChromeOS reports it.
(() => {
  "use strict";
  const { connection } = navigator;
  if (!connection) return;
  const show = () => {
    for (const hint of document.querySelectorAll("[data-plasgate-ip-on-wifi]")) {
      hint.hidden = connection.type !== "wifi";
    }
  };
  connection.addEventListener("change", show);
  show();
})();
