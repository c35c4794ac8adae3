/* The answer: more of it as one scrolls, a look through each scene, and what a cut-off leaves. */

import { fetchPage } from "./fetching.js";

const LOOK_AFTER_MS = 150;
const SCENES_KEPT = 50;

/** The frames of the scenes that were looked through last, by their address. */
const framesOf = new Map();
let looking = null;
let watcher = null;

/** Fetches the next part when the end comes near, and puts it where the last one ended. */
function watchEnd() {
  watcher?.disconnect();
  const link = document.querySelector("a[data-more]");
  if (!link) {
    return;
  }
  watcher = new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        watcher.disconnect();
        extend(link);
      }
    },
    { rootMargin: "600px" },
  );
  watcher.observe(link);
}

async function extend(link) {
  const answer = document.querySelector("[data-answer]");
  const next = await fetchPage(link.dataset.more);
  if (!next?.ok) {
    return; // The link is still there: it asks the question again.
  }
  if (!link.isConnected) {
    return; // Another answer is shown by now.
  }
  answer.append(...next.document.querySelector("ol").children);
  const following = next.document.querySelector(".more");
  if (following) {
    link.closest(".more").replaceWith(following);
  } else {
    link.closest(".more").remove();
  }
  watchEnd();
}

/** The card under the pointer shows the frame of its scene that lies as far along as the pointer. */
async function look(card) {
  const picture = card.querySelector("img");
  const left = new AbortController();
  const state = { card, picture, own: picture?.getAttribute("src"), frames: [], left };
  looking = state;
  await new Promise((resolve) => setTimeout(resolve, LOOK_AFTER_MS));
  if (looking !== state || !picture) {
    return;
  }
  try {
    state.frames = await fetchFrames(card.dataset.frames, left.signal);
  } catch {
    return; // The pointer has left, or nobody answers.
  }
  showFrame();
}

/** The frames of a scene; their pictures are fetched with them, once. */
async function fetchFrames(address, signal) {
  if (framesOf.has(address)) {
    return framesOf.get(address);
  }
  const response = await fetch(address, { signal });
  if (!response.ok) {
    return [];
  }
  const frames = await response.json();
  if (framesOf.size >= SCENES_KEPT) {
    framesOf.delete(framesOf.keys().next().value);
  }
  framesOf.set(address, frames);
  for (const { url } of frames) {
    new Image().src = url;
  }
  return frames;
}

/** Shows the frame at the pointer, and by a line how far along it is. */
function showFrame() {
  const { card, picture, frames, pointerX } = looking ?? {};
  if (!frames || frames.length < 2 || pointerX === undefined) {
    return;
  }
  const { left, width } = picture.getBoundingClientRect();
  const along = Math.min(Math.max((pointerX - left) / width, 0), 0.999);
  picture.src = frames[Math.floor(along * frames.length)].url;
  let bar = card.querySelector("progress");
  if (!bar) {
    bar = document.createElement("progress");
    bar.ariaHidden = "true";
    card.querySelector(".picture").append(bar);
  }
  bar.value = along;
}

function stopLooking() {
  looking?.left.abort();
  if (looking?.picture) {
    looking.picture.src = looking.own;
    looking.card.querySelector("progress")?.remove();
  }
  looking = null;
}

document.addEventListener("pointerover", (event) => {
  const card = event.pointerType === "mouse" && event.target.closest?.("a[data-frames]");
  if (card === looking?.card) {
    return;
  }
  stopLooking();
  if (card && !card.querySelector(".then-pair")) {
    look(card);
  }
});

document.addEventListener("pointermove", (event) => {
  if (looking) {
    looking.pointerX = event.clientX;
    showFrame();
  }
});

document.addEventListener("input", (event) => {
  const slider = event.target;
  if (!slider.matches("[data-zs]")) {
    return;
  }
  const zs = JSON.parse(slider.dataset.zs);
  const always = Number(slider.dataset.always);
  const left = zs.filter((z) => Number(slider.value) === 0 || z >= Number(slider.value)).length;
  slider.nextElementSibling.textContent = `${slider.value}: ${left + always} of ${zs.length + always}`;
});

document.addEventListener("shown", () => {
  looking?.left.abort();
  looking = null;
  watchEnd();
});

watchEnd();
