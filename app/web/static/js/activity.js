/* What is going on: read anew while something is, and somebody looks. */

import { fetchPage } from "./fetching.js";

const EVERY_MS = 3000;

let waiting = 0;

/** Has what is going on read anew soon, whether or not something was before. */
export function lookSoon(afterMs = 300) {
  clearTimeout(waiting);
  waiting = setTimeout(look, afterMs);
}

async function look() {
  const strip = document.getElementById("activity");
  if (!strip) {
    return;
  }
  if (!document.hidden && !strip.contains(document.activeElement)) {
    const page = await fetchPage(strip.dataset.address);
    const next = page?.ok && page.document.getElementById("activity");
    // Another page may have been shown in the meantime.
    if (next && strip.isConnected) {
      take(strip, next);
    }
  }
  go();
}

/** Puts what another page says in place of what is shown; open sources stay open. */
export function take(strip, next) {
  const wasOpen = strip.querySelector("details")?.open;
  strip.replaceChildren(...next.childNodes);
  strip.toggleAttribute("data-busy", next.hasAttribute("data-busy"));
  strip.dataset.address = next.dataset.address ?? strip.dataset.address;
  strip.querySelector("details")?.toggleAttribute("open", wasOpen);
}

function go() {
  clearTimeout(waiting);
  if (document.getElementById("activity")?.hasAttribute("data-busy")) {
    waiting = setTimeout(look, EVERY_MS);
  }
}

document.addEventListener("shown", go);
document.addEventListener("visibilitychange", go);
go();
