/* The player page: sets up what is on it, and lets go of a video that was swapped away. */

import { setUpClip } from "./watch_clip.js";
import { setUpControls } from "./watch_controls.js";
import { Player } from "./watch_player.js";
import { followInLists } from "./watch_lists.js";
import { fetchPlot } from "./watch_plot.js";
import { setUpTimeline } from "./watch_timeline.js";
import { setUpTools } from "./watch_tools.js";

let player = null;
let page = new AbortController();

function setUp() {
  const root = document.getElementById("watch");
  if (player && player.root === root) {
    return;
  }
  page.abort();
  page = new AbortController();
  player?.release();
  player = null;
  if (root) {
    player = new Player(root, page.signal);
    followInLists(player, page.signal);
    setUpControls(player, page.signal);
    setUpTimeline(player, page.signal);
    setUpClip(root, page.signal);
    setUpTools(player, page.signal);
    player.begin();
    fetchPlot(player, page.signal);
  }
}

document.addEventListener("shown", setUp);
addEventListener("popstate", ({ state }) => {
  // Without a state a link within the page was followed. Else the address is that of another page
  // by now, which has only to arrive: it is not this player's.
  if (state) {
    page.abort();
  }
});
setUp();
