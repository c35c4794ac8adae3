/* Shows the server's pages in place, so that what was typed and chosen stays; keeps the history. */

import { fetchPage } from "./fetching.js";

const PARTS = [
  "question-problem",
  "picture",
  "chips",
  "further",
  "views",
  "summary",
  "results",
];
// Of a page without a question, such as one that only says what went wrong, the form stays.
const ANSWER = ["question-problem", "summary", "results"];
const SLOW_MS = 400;
const KEPT_PAGES = 8;

let loading = new AbortController();

// Answers one may go back to, as they were left, by the key of their entry in the history.
const kept = new Map();
let here = entryKey(history.state);

/**
 * Fetches a page, by POST if there is a body, and swaps its parts into this one.
 *
 * Resolves to the address that was shown in the end, or to null if a later call took over, no
 * answer came, or what was sent was refused: then its address tells nothing.
 */
export async function show(address, body = null) {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  const slow = setTimeout(() => (part("summary").textContent = "Searching…"), SLOW_MS);
  part("results").ariaBusy = "true";

  const page = await load(address, body, signal);
  clearTimeout(slow);
  if (signal.aborted) {
    return null;
  }
  part("results").ariaBusy = null;
  if (!page) {
    part("summary").textContent = "";
    part("question-problem").textContent = "SceneQL does not answer: is it still running?";
    return null;
  }
  if (!page.document.getElementById("results")) {
    leave(page, body);
    return null;
  }
  if (body && !page.ok) {
    refuse(page.document);
    return null;
  }
  swap(page.document, page.document.body.dataset.view === "error" ? ANSWER : PARTS);
  document.dispatchEvent(new Event("shown"));
  return page.address;
}

/** Shows a page as `show` does, and makes it an entry of the history. */
export async function visit(address, body = null) {
  keepShown();
  const shown = await show(address, body);
  if (!shown) {
    return null;
  }
  if (shown !== location.href) {
    here = newKey();
    history.pushState({ key: here }, "", shown);
  }
  scrollTo(0, 0);
  return shown;
}

/**
 * Reads the results of the shown page anew without a sign of it; what goes wrong waits for the next
 * time. The summary stays: it is read aloud whenever it changes.
 */
export async function refresh() {
  const { signal } = loading;
  const page = await load(location.href, null, signal);
  if (page && !signal.aborted && page.document.body.dataset.view === document.body.dataset.view) {
    swap(page.document, ["results"]);
    document.dispatchEvent(new Event("shown"));
  }
}

async function load(address, body, signal) {
  const page = await fetchPage(address, { method: body ? "POST" : "GET", body, signal });
  if (page?.status === 401) {
    // The login has ended. The browser asks for it, and leads back to here.
    location.assign(body ? location.href : address);
    return new Promise(() => {});
  }
  return page;
}

/** What came is no page of ours: the login has ended, or something stands between. */
function leave(page, body) {
  if (body) {
    part("question-problem").textContent = "That was not taken: reload the page, and try again.";
  } else {
    location.href = page.address;
  }
}

/** What was sent is not taken: the answer that is shown stays, with the reason above it. */
function refuse(refusal) {
  part("summary").replaceChildren(...(kept.get(here)?.parts.find(([id]) => id === "summary")?.[1] ?? []));
  const problem = refusal.getElementById("question-problem").textContent;
  part("question-problem").textContent =
    problem || refusal.querySelector("#results p")?.textContent || "That was not taken.";
}

function swap(next, parts) {
  const focused = document.activeElement;
  const place = parts.find((id) => part(id).contains(focused));
  for (const id of parts) {
    part(id).replaceChildren(...next.getElementById(id).childNodes);
  }
  document.title = next.title;
  document.body.dataset.view = next.body.dataset.view;
  if (place) {
    // The control that was used goes on being used, so that a slider takes more than one step.
    // What has gone out of sight cannot have the focus, which would be lost.
    const again = part(place).querySelector(`[name="${CSS.escape(focused.name ?? "")}"]`);
    (again?.checkVisibility() ? again : part("results")).focus({ preventScroll: true });
  }
}

function entryKey(state) {
  if (!state?.key) {
    state = { key: newKey() };
    history.replaceState(state, "");
  }
  return state.key;
}

function newKey() {
  return `${Date.now()} ${Math.random()}`;
}

/**
 * Keeps how far one had scrolled, and an answer as it is left, with all that was added to it. Other
 * pages are better read anew.
 */
function keepShown() {
  sessionStorage.setItem(`scroll ${here}`, scrollY);
  if (document.body.dataset.view !== "moments") {
    return;
  }
  kept.delete(here);
  kept.set(here, {
    parts: PARTS.map((id) => [id, [...part(id).childNodes]]),
    title: document.title,
  });
  if (kept.size > KEPT_PAGES) {
    kept.delete(kept.keys().next().value);
  }
}

function restore({ parts, title }) {
  loading.abort();
  for (const [id, nodes] of parts) {
    part(id).replaceChildren(...nodes);
  }
  part("results").ariaBusy = null;
  document.title = title;
  document.body.dataset.view = "moments";
  document.dispatchEvent(new Event("shown"));
}

function scrollBack() {
  scrollTo(0, Number(sessionStorage.getItem(`scroll ${here}`) ?? 0));
}

addEventListener("popstate", async ({ state }) => {
  if (!state) {
    here = entryKey(state);
    return; // A link within the page was followed.
  }
  if (state.key === here) {
    return;
  }
  keepShown();
  here = state.key;
  const page = kept.get(here);
  if (page) {
    restore(page);
  } else if (!(await show(location.href))) {
    return;
  }
  document.dispatchEvent(new Event("moved"));
  scrollBack();
});

addEventListener("pagehide", keepShown);

function part(id) {
  return document.getElementById(id);
}

history.scrollRestoration = "manual";
scrollBack();
