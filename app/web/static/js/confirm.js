/* Asks before videos are taken out of the index: the server's own page of the question, in a dialog. */

import { fetchPage, say } from "./fetching.js";

let asking = new AbortController();

/** Shows what the server asks in answer to a form. */
export async function ask(action, data) {
  closeDialogs();
  asking = new AbortController();
  const { signal } = asking;
  const page = await fetchPage(action, { method: "POST", body: data, signal });
  if (signal.aborted) {
    return;
  }
  const question = page?.document.getElementById("removal");
  if (!question) {
    const said = page?.problem || page?.document.getElementById("summary")?.textContent.trim();
    say(said || "SceneQL does not answer.");
    return;
  }
  const before = document.activeElement;
  const dialog = document.createElement("dialog");
  dialog.className = "question";
  dialog.setAttribute("aria-labelledby", "removal-heading");
  dialog.append(question);
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  // What cannot be undone is not what Enter does.
  dialog.querySelector("[data-cancel]")?.focus();
}

/** Closes the question, also one that is still on its way; whoever calls this shows what comes next. */
export function closeDialogs() {
  asking.abort();
  document.querySelector("dialog.question")?.close();
}

// A question is about what was on the page when it was asked.
document.addEventListener("shown", closeDialogs);
addEventListener("popstate", closeDialogs);

// Before the page's own handler follows the link.
document.addEventListener(
  "click",
  (event) => {
    const dialog = event.target.closest("[data-cancel]")?.closest("dialog.question");
    if (dialog) {
      event.preventDefault();
      event.stopPropagation();
      dialog.close();
    }
  },
  true,
);
