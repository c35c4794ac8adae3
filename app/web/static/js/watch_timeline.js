/* The timeline: shows where the video is, goes where it is pressed, and what is there on the way. */

import { clock } from "./watch_time.js";

const SMALL_STEP_S = 5;
const LARGE_STEP_S = 30;

/** Sets the timeline up, with the pointer and with keys. */
export function setUpTimeline(player, signal) {
  const line = document.getElementById("timeline");
  const seeker = document.getElementById("seeker");
  const playhead = document.getElementById("playhead");

  const show = () => {
    const { time, length } = player;
    const share = `${length ? (100 * Math.min(1, time / length)).toFixed(3) : 0}%`;
    playhead.setAttribute("x1", share);
    playhead.setAttribute("x2", share);
    seeker.setAttribute("aria-valuenow", String(Math.round(time)));
    seeker.setAttribute("aria-valuetext", `${clock(time)} of ${clock(length)}`);
    document.getElementById("clock").textContent = clock(time);
    const similarity = nearestFrame(player.frames, time)?.[2];
    const said = document.getElementById("similarity");
    if (said) {
      said.textContent = similarity === undefined ? "" : `, here ${similarity.toFixed(3)}`;
    }
  };
  player.addEventListener("moved", show, { signal });
  player.addEventListener("rested", show, { signal });
  show();

  const timeAt = (event) => {
    const box = line.getBoundingClientRect();
    return player.length * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  seeker.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button === 0) {
        seeker.setPointerCapture(event.pointerId);
        player.seek(timeAt(event));
      }
    },
    { signal },
  );
  seeker.addEventListener(
    "pointermove",
    (event) => {
      const time = timeAt(event);
      glimpse(line, player.frames, time, player.length);
      if (seeker.hasPointerCapture(event.pointerId)) {
        player.seek(time);
      }
    },
    { signal },
  );
  const hide = () => (document.getElementById("glimpse").hidden = true);
  seeker.addEventListener("pointerleave", hide, { signal });
  seeker.addEventListener("pointercancel", hide, { signal });
  seeker.addEventListener("keydown", (event) => step(player, event), { signal });
}

/** The indexed frame [t_s, frame_no, similarity] that is nearest to a time. */
export function nearestFrame(frames, time) {
  let best = frames[0];
  for (const frame of frames) {
    if (Math.abs(frame[0] - time) < Math.abs(best[0] - time)) {
      best = frame;
    }
  }
  return best;
}

function step(player, event) {
  const targets = {
    ArrowLeft: player.time - SMALL_STEP_S,
    ArrowDown: player.time - SMALL_STEP_S,
    ArrowRight: player.time + SMALL_STEP_S,
    ArrowUp: player.time + SMALL_STEP_S,
    PageDown: player.time - LARGE_STEP_S,
    PageUp: player.time + LARGE_STEP_S,
    Home: 0,
    End: player.length,
  };
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
  if (plain && event.key in targets) {
    event.preventDefault();
    player.seek(targets[event.key]);
  }
}

/** Shows the frame that is nearest to where the pointer is, above it and within the line. */
function glimpse(line, frames, time, length) {
  const box = document.getElementById("glimpse");
  const frame = nearestFrame(frames, time);
  if (!frame) {
    return;
  }
  const picture = box.querySelector("img");
  const address = line.dataset.thumbnail.replace(/\/0(?=\?|$)/, `/${frame[1]}`);
  if (picture.getAttribute("src") !== address) {
    picture.src = address;
  }
  box.querySelector("span").textContent =
    frame[2] === undefined ? clock(time) : `${clock(time)}, similarity ${frame[2].toFixed(3)}`;
  box.hidden = false;
  const room = line.clientWidth - box.offsetWidth;
  const left = (time / length) * line.clientWidth - box.offsetWidth / 2;
  box.style.left = `${Math.max(0, Math.min(room, left))}px`;
}
