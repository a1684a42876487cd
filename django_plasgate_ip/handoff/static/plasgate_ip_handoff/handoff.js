/* Follows the phone on the computer that shows the QR code. Without a script, a link does this. */
(() => {
  "use strict";
  const link = document.querySelector("[data-plasgate-ip-screen]");
  if (!link) return;
  const screenUrl = link.href;
  const box = link.closest("section");
  const SECONDS = 2.5;
  // A site's own page may show the code alone.
  const ways = box.closest(".plasgate-ip-ways");
  let detailUrl = "";

  const show = (stage, code) => {
    for (const part of box.querySelectorAll("[data-plasgate-ip-stage]")) {
      part.hidden = !part.dataset.plasgateIpStage.split(" ").includes(stage);
    }
    box.querySelector(".plasgate-ip-code").textContent = code;
    // Nothing beside the characters asks for a tap.
    ways?.classList.toggle("plasgate-ip-taken", stage === "opened" || stage === "started");
  };

  const get = async (url) => {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    // The session that showed the code has ended, or the verification was deleted.
    if (answer.status === 404) return { stage: "expired", code: "" };
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  };

  /* Returns whether to look again. */
  const look = async () => {
    if (detailUrl) {
      const { status, stage } = await get(detailUrl);
      if (stage) {
        // The visitor has signed out since.
        show(stage, "");
        return false;
      }
      if (status === "pending" || status === "exchanging") return true;
      // The server redirects to the verification or to the next page.
      location.replace(screenUrl);
      return false;
    }
    const { stage, code, detail_url: started } = await get(screenUrl);
    show(stage, code);
    detailUrl = started || "";
    return stage !== "wrong" && stage !== "expired";
  };

  const follow = async () => {
    let isWaiting = true;
    // A hidden tab keeps asking: the phone's tap counts only while a page shows the characters.
    try {
      isWaiting = await look();
    } catch {
      // The network has failed. The next look may succeed.
    }
    if (isWaiting) setTimeout(follow, SECONDS * 1000);
  };

  link.parentElement.hidden = true;
  if (ways && matchMedia("(pointer: coarse)").matches) {
    // A phone that requests desktop pages names itself a computer. Its form comes first, and open.
    ways.append(box);
    ways.querySelector("details")?.setAttribute("open", "");
  }
  setTimeout(follow, SECONDS * 1000);
})();
