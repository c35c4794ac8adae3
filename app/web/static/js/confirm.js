/* Asks before videos are taken out of the index: the server's own page of the question, in a dialog. */

import { fetchPage, say } from "./fetching.js";

/** Shows what the server asks in answer to a form. */
export async function ask(action, data) {
  const page = await fetchPage(action, { method: "POST", body: data });
  const question = page?.document.getElementById("removal");
  if (!question) {
    say(page?.document.getElementById("summary").textContent.trim() || "SceneQL does not answer.");
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

/** Closes the question, if one is open; whoever calls this shows what comes next. */
export function closeDialogs() {
  document.querySelector("dialog.question")?.close();
}

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
