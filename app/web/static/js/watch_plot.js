/* The similarities over the video, where the page was shown before they were worked out. */

import { fetchPage } from "./fetching.js";

/** Fetches the plot, if the page came without it, and has the player show it. */
export async function fetchPlot(player, signal) {
  const later = document.getElementById("plot-later");
  if (!later) {
    return;
  }
  const address = later.querySelector("a").href;
  later.textContent = "Working out the similarities…";
  const page = await fetchPage(address, { signal });
  if (signal.aborted) {
    return;
  }
  const come = (id) => page?.document.getElementById(id);
  const curve = come("timeline")?.querySelector(".plot > svg");
  if (curve) {
    document.getElementById("playhead").before(curve);
    document.getElementById("similarities").replaceWith(come("similarities"));
    player.frames = JSON.parse(come("timeline").dataset.frames);
    later.remove();
    player.dispatchEvent(new Event("moved"));
  } else {
    later.textContent =
      come("no-plot")?.textContent ?? "The similarities did not come: reload the page to try again.";
  }
}
