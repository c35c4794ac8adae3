/* The question: each answer is a link of its own, and an entry of the browser's history. */

import { visit } from "./page.js";

const form = document.getElementById("ask");
const { q } = form.elements;

/** Asks what the form says. A new picture is sent; the answer's address has its key. */
export async function ask() {
  const data = new FormData(form);
  const isSent = data.get("picture")?.name || data.get("address");
  const asked = q.value;
  for (const name of clashing(data, isSent)) {
    data.delete(name);
  }
  const address = new URL(form.action);
  if (!isSent) {
    for (const [name, value] of data) {
      if (typeof value === "string" && value.trim()) {
        address.searchParams.append(name, value);
      }
    }
  }
  const shown = await visit(address, isSent ? data : null);
  form.elements.picture.value = "";
  if (shown) {
    readAddress(asked);
  }
}

/** What was asked before and cannot be asked together with what was added now. */
function clashing(data, isPictureSent) {
  const names = [];
  if (data.get("like") && (data.get("q").trim() || isPictureSent)) {
    names.push("like");
  }
  if (data.get("then").trim()) {
    names.push("group", "match");
  }
  return names;
}

async function follow(link) {
  const asked = inAddress();
  if (await visit(link.href)) {
    readAddress(asked);
  }
}

/**
 * Puts into the box what the address asks: filters have gone to their own place. What was typed
 * since, and so is no longer what was `asked`, stays.
 */
function readAddress(asked) {
  if (q.value === asked) {
    q.value = inAddress();
  }
}

function inAddress() {
  return new URLSearchParams(location.search).get("q") ?? "";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});

document.addEventListener("change", (event) => {
  if (event.target.closest("[data-submits]")) {
    ask();
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-in-place]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) {
    return;
  }
  event.preventDefault();
  follow(link);
});

document.addEventListener("moved", () => readAddress(q.value));

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    q.select();
  } else if (event.key === "Backspace" && event.target === q && !q.value && !event.repeat) {
    // With nothing left to delete in the box, the last filter goes.
    const chips = document.querySelectorAll("#chips a");
    chips[chips.length - 1]?.click();
  }
});
