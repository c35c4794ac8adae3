/* The library page: finding by name while one types, choosing, forms in place, what is going on. */

import { show } from "./page.js";
import { ask, closeDialogs } from "./confirm.js";
import { take } from "./activity.js";
import "./edit.js";
import "./upload.js";
import { fetchPage, say } from "./fetching.js";

const TYPING_MS = 250;

let finding = new AbortController();
let typed = 0;

/* The field of the name keeps the focus: only the list below it is replaced. */
async function find(form) {
  finding.abort();
  finding = new AbortController();
  const { signal } = finding;
  const address = addressOf(form);
  const page = await fetchPage(address, { signal });
  // Another page, or a form of its own, may have been shown in the meantime.
  if (signal.aborted || !form.isConnected) {
    return;
  }
  if (!page?.ok) {
    say(page ? page.problem : "SceneQL does not answer.");
    return;
  }
  for (const id of ["entries", "states", "summary"]) {
    const next = page.document.getElementById(id);
    document.getElementById(id)?.replaceChildren(...(next?.childNodes ?? []));
  }
  const strips = [document, page.document].map((one) => one.getElementById("activity"));
  if (strips.every(Boolean)) {
    take(...strips);
  }
  // The server knows what goes without saying in an address.
  const shown = page.document.getElementById("find")?.dataset.shown ?? address;
  history.replaceState(history.state, "", shown);
  document.dispatchEvent(new Event("shown"));
}

/* What was typed before one went elsewhere is not found any more. */
function stopFinding() {
  clearTimeout(typed);
  finding.abort();
}

function addressOf(form) {
  const address = new URL(form.action);
  for (const [name, value] of new FormData(form)) {
    if (value) {
      address.searchParams.append(name, value);
    }
  }
  return address;
}

/* A video that was taken out has no page to come back to: what is shown now takes its place. */
function remember(shown) {
  if (shown) {
    const address = new URL(shown);
    // It was said once, and is not said again when the page is.
    address.searchParams.delete("said");
    address.searchParams.delete("n");
    history.replaceState(history.state, "", address);
  }
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("#find");
  if (form) {
    clearTimeout(typed);
    typed = setTimeout(find, event.target.name === "name" ? TYPING_MS : 0, form);
  }
});

document.addEventListener("change", (event) => {
  if (event.target.closest("#find select[name=by]")) {
    // What is shortest or oldest first has another name for each way of sorting.
    const form = event.target.form;
    clearTimeout(typed);
    const address = addressOf(form);
    address.searchParams.delete("order");
    show(address).then((shown) => {
      if (shown) {
        history.replaceState(history.state, "", shown);
        document.querySelector("#find select[name=by]")?.focus();
      }
    });
  } else if (event.target.matches("input[name=video], #choose-all")) {
    count(event.target);
  }
});

function boxes() {
  return [...document.querySelectorAll(".entries input[name=video]")];
}

function count(changed) {
  const all = document.getElementById("choose-all");
  if (changed === all) {
    boxes().forEach((box) => (box.checked = all.checked));
  }
  const number = boxes().filter((box) => box.checked).length;
  if (all) {
    all.checked = number === boxes().length;
    all.indeterminate = number > 0 && !all.checked;
  }
  for (const place of document.querySelectorAll("#chosen-said, .chosen-count")) {
    place.textContent = `${number} selected`;
  }
}

addEventListener("popstate", stopFinding);

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.id === "find") {
    event.preventDefault();
    clearTimeout(typed);
    find(form);
  } else if (form.matches("[data-done-in-place]")) {
    event.preventDefault();
    const action = event.submitter?.getAttribute("formaction") ?? form.action;
    const data = new URLSearchParams(new FormData(form, event.submitter));
    if (action.endsWith("/remove") && !data.has("confirmed")) {
      ask(action, data);
    } else {
      closeDialogs();
      remember(await show(action, data));
    }
  }
});
