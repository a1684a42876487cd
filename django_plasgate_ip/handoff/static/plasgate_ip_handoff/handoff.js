/* Follows, on the computer, what a phone makes of the QR code. Without it, a link does the same. */
(() => {
  "use strict";
  const box = document.querySelector("[data-plasgate-ip-screen]");
  if (!box) return;
  const screenUrl = box.dataset.plasgateIpScreen;
  const SECONDS = 2.5;
  let detailUrl = "";

  const part = (name) => box.querySelector(`[data-plasgate-ip-${name}]`);

  const show = (stage, code) => {
    for (const line of box.querySelectorAll("[data-plasgate-ip-stage]")) {
      line.hidden = line.dataset.plasgateIpStage !== stage;
    }
    box.querySelector(".plasgate-ip-code").textContent = code;
    // What has been used, or is too old, must not be scanned any more.
    box.querySelector("svg").classList.toggle("plasgate-ip-qr-done", stage !== "waiting");
    part("again").hidden = stage !== "wrong" && stage !== "expired";
  };

  const ask = async (url) => {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    // The session that showed the code is gone, or the verification is.
    if (answer.status === 404) return { stage: "expired", code: "" };
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  };

  /* Returns whether there is something to wait for. */
  const look = async () => {
    if (detailUrl) {
      const { status, stage } = await ask(detailUrl);
      if (stage) {
        // Signed out meanwhile.
        show(stage, "");
        return false;
      }
      if (status === "pending" || status === "exchanging") return true;
      // It redirects to the page that was asked for.
      location.replace(screenUrl);
      return false;
    }
    const { stage, code, detail_url: started } = await ask(screenUrl);
    show(stage, code);
    detailUrl = started || "";
    return stage !== "wrong" && stage !== "expired";
  };

  const follow = async () => {
    let goOn = true;
    // A phone, where the style sheet hides the box, has nothing to follow; nor has a hidden tab.
    if (box.offsetParent && !document.hidden) {
      try {
        goOn = await look();
      } catch {
        // The network is away for a moment.
      }
    }
    if (goOn) setTimeout(follow, SECONDS * 1000);
  };

  part("follow").hidden = true;
  setTimeout(follow, SECONDS * 1000);
})();
