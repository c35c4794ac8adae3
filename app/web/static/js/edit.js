/* Editing a video in place: the form of its own page comes into its row, and goes when it is saved. */

import { fetchPage, say } from "./fetching.js";

async function open(link) {
  const row = link.closest(".entry");
  if (row.ariaBusy === "true" || close(row)) {
    return;
  }
  // A second click must not bring a second form.
  row.ariaBusy = "true";
  const page = await fetchPage(link.href);
  row.ariaBusy = null;
  if (!row.isConnected) {
    return; // Another page was shown in the meantime.
  }
  const next = page?.document.getElementById(row.id);
  const form = next?.querySelector("form.edit");
  if (!form) {
    say(page?.problem || "SceneQL does not answer.");
    return;
  }
  row.append(form, next.querySelector("form.remove-one"));
  link.setAttribute("aria-expanded", "true");
  form.elements.title.focus();
}

/** Takes the form out of a row; whether there was one. */
function close(row) {
  const form = row.querySelector("form.edit");
  if (!form) {
    return false;
  }
  form.remove();
  row.querySelector("form.remove-one")?.remove();
  const link = row.querySelector("[data-edit]");
  link.removeAttribute("aria-expanded");
  link.focus();
  return true;
}

async function save(form, submitter) {
  const row = form.closest(".entry");
  if (form.ariaBusy === "true") {
    return;
  }
  form.ariaBusy = "true";
  const page = await fetchPage(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form, submitter)),
  });
  form.ariaBusy = null;
  const next = page?.document.getElementById(row.id);
  if (!next) {
    say(page?.problem || "Nothing was saved: SceneQL does not answer.");
    return;
  }
  if (!page.ok) {
    const again = next.querySelector("form.edit");
    form.replaceWith(again);
    again.querySelector("[aria-invalid]")?.focus();
    say("Nothing was saved: see the fields.");
    return;
  }
  if (!row.isConnected) {
    return; // It is saved, but another page was shown in the meantime.
  }
  const isChosen = row.querySelector("input[name=video]").checked;
  next.querySelectorAll("form.edit, form.remove-one").forEach((part) => part.remove());
  row.replaceChildren(...next.childNodes);
  row.querySelector("input[name=video]").checked = isChosen;
  row.querySelector("[data-edit]").focus();
  say(page.document.getElementById("summary").textContent.trim());
}

function isPlain(event) {
  return !(event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
}

// Before the page's own handler follows the links.
document.addEventListener(
  "click",
  (event) => {
    const link = event.target.closest("[data-edit], .edit [data-cancel]");
    // The page of one video is its form: there the links lead elsewhere.
    if (!link || !isPlain(event) || !document.getElementById("entries")) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (link.matches("[data-edit]")) {
      open(link);
    } else {
      close(link.closest(".entry"));
    }
  },
  true,
);

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-another]");
  if (button) {
    const last = button.previousElementSibling;
    const another = last.cloneNode(true);
    another.querySelectorAll("input").forEach((input) => {
      input.value = "";
      input.ariaInvalid = null;
    });
    another.querySelector(".problem").textContent = "";
    last.after(another);
    another.querySelector("input").focus();
  }
});

document.addEventListener("submit", (event) => {
  if (event.target.matches(".edit") && document.getElementById("entries")) {
    event.preventDefault();
    save(event.target, event.submitter);
  }
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest("#entries .edit");
  if (event.key === "Escape" && form) {
    event.preventDefault();
    close(form.closest(".entry"));
  }
});
