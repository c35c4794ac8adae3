/* What can be done from a moment: link to it, look for others like it, step to other hits. */

import { fetchPage } from "./fetching.js";
import { visit } from "./page.js";
import { addressAt, clock } from "./watch_time.js";
import { nearestFrame } from "./watch_timeline.js";

const STEP_S = 10;
const SMALL_STEP_S = 1;

/** Sets up links, keys and what is loaded when it is opened. */
export function setUpTools(player, signal) {
  const { root } = player;
  const line = document.getElementById("timeline");
  const like = document.getElementById("like");
  const copy = document.getElementById("copy-link");

  const update = () => {
    const frame = nearestFrame(player.frames, player.time);
    if (like && frame) {
      const address = new URL(like.href);
      address.searchParams.set("like", `${line.dataset.video}:${frame[1]}`);
      like.href = address;
    }
    copy.querySelector("span").textContent = clock(player.time);
  };
  player.addEventListener("moved", update, { signal });
  player.addEventListener(
    "rested",
    () => {
      update();
      if (root.isConnected) {
        history.replaceState(history.state, "", addressAt(root, player.time));
      }
    },
    { signal },
  );

  copy.addEventListener("click", () => copyLink(addressAt(root, player.time).href), { signal });
  const stepper = new Stepper();
  document.addEventListener("keydown", (event) => press(player, stepper, event), { signal });
  for (const fold of root.querySelectorAll("details[data-part]")) {
    fold.addEventListener("toggle", () => load(fold, signal), { once: true, signal });
  }
}

async function copyLink(address) {
  const told = document.getElementById("copied");
  try {
    await navigator.clipboard.writeText(address);
    told.textContent = "Copied";
  } catch {
    // Browsers lend the clipboard to secure pages only, which one of another machine may not be.
    const field = document.createElement("input");
    field.value = address;
    field.readOnly = true;
    field.ariaLabel = "Link to this moment";
    told.replaceChildren(field);
    field.select();
  }
}

async function load(fold, signal) {
  const place = fold.querySelector("p");
  place.textContent = "Looking…";
  const page = await fetchPage(fold.dataset.part, { signal });
  const found = page?.document.getElementById("related");
  if (found) {
    place.replaceWith(...found.childNodes);
  } else {
    place.textContent = page?.problem || "SceneQL does not answer: is it still running?";
  }
}

/** Goes to other hits: who steps on while a page is on its way means the hit after that one. */
class Stepper {
  steps = 0;

  step(direction, isHeld) {
    const link = document.getElementById(direction < 0 ? "previous-hit" : "next-hit");
    if (isHeld && this.steps) {
      return; // A key that is held goes from hit to hit, as fast as they come.
    }
    if (!this.steps) {
      this.steps = link ? direction : 0;
      link?.click();
      return;
    }
    const { hit, total } = document.getElementById("hits").dataset;
    const address = new URL(hit, location);
    const from = Number(address.searchParams.get("n"));
    const to = Math.min(Math.max(0, from + this.steps + direction), total - 1);
    this.steps = to - from;
    address.searchParams.set("n", to);
    visit(address.href);
  }
}

function press(player, stepper, event) {
  const elsewhere = "input, textarea, select, video, [role=slider], dialog";
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(elsewhere)) {
    return;
  }
  if (event.key.startsWith("Arrow") && !event.shiftKey && event.target.closest("#lines, #scenes")) {
    return; // It scrolls the list.
  }
  const seek = (seconds) => player.seek(player.time + seconds);
  const actions = event.shiftKey
    ? { ArrowLeft: () => seek(-SMALL_STEP_S), ArrowRight: () => seek(SMALL_STEP_S) }
    : {
        ArrowLeft: () => stepper.step(-1, event.repeat),
        ArrowRight: () => stepper.step(1, event.repeat),
        j: () => seek(-STEP_S),
        l: () => seek(STEP_S),
        k: () => player.toggle(),
      };
  const action = actions[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
}
