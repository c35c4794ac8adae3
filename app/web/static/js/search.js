/* The question: words, a picture and a filter. Each answer is an entry of the browser's history. */

import { show } from "./page.js";
import { choose } from "./picture.js";

const form = document.getElementById("ask");
const { q, where, image } = form.elements;

// The history keeps numbers only; the pictures they stand for live as long as the page.
const pictures = [];

/** Asks what the form says; the pressed button may change where, or how much. */
async function ask(button) {
  const data = new FormData(form, button);
  const address = new URL(button?.getAttribute("formaction") ?? form.action, location);
  const picture = button?.formMethod === "get" ? undefined : image.files[0];
  for (const [name, value] of data) {
    if (name !== "image" && value) {
      address.searchParams.set(name, value);
    }
  }
  const shown = await show(address, picture ? data : null);
  if (!shown) {
    return;
  }
  if (picture) {
    pictures.push(picture);
    history.pushState({ picture: pictures.length - 1 }, "", address);
  } else {
    history.pushState(null, "", shown);
  }
  if (button?.name !== "limit") {
    scrollTo(0, 0);
  }
}

async function follow(link) {
  const shown = await show(link.href);
  if (shown) {
    history.pushState(null, "", shown);
    readAddress();
    scrollTo(0, 0);
  }
}

function readAddress() {
  const given = new URLSearchParams(location.search);
  q.value = given.get("q") ?? "";
  where.value = given.get("where") ?? "";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask(event.submitter);
});

// Enter in the filter filters what is shown now: the list of videos, or the moments.
where.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && document.body.dataset.view === "videos") {
    event.preventDefault();
    form.requestSubmit(document.getElementById("apply-filter"));
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-in-place]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) {
    return;
  }
  event.preventDefault();
  // The picture is not part of the link, so a question with one is asked anew.
  if (image.files.length && link.pathname === new URL(form.action).pathname) {
    form.requestSubmit();
  } else {
    follow(link);
  }
});

addEventListener("popstate", ({ state }) => {
  readAddress();
  choose(pictures[state?.picture] ?? null);
  show(location.href, image.files.length ? new FormData(form) : null);
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, dialog");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    q.select();
  }
});
