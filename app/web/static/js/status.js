/* Keeps the status page current while somebody looks at it. */

import { refresh } from "./page.js";

const EVERY_MS = 5000;

async function look() {
  const selecting = !document.getSelection().isCollapsed;
  if (document.body.dataset.view === "status" && !document.hidden && !selecting) {
    await refresh();
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
