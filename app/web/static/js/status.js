/* Keeps the status page current while somebody looks at it. */

import { refresh } from "./page.js";

const EVERY_MS = 5000;

/** Whether somebody is at something on the page, which the next one would take away. */
function isInUse() {
  const results = document.getElementById("results");
  const { activeElement } = document;
  const isWithin = results !== activeElement && results.contains(activeElement);
  return isWithin || !document.getSelection().isCollapsed;
}

async function look() {
  if (document.body.dataset.view === "status" && !document.hidden && !isInUse()) {
    await refresh();
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
