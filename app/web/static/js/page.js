/* Shows the server's pages in place, so that what was typed and chosen stays. */

const PARTS = [
  "question-problem",
  "picture",
  "chips",
  "further",
  "views",
  "summary",
  "results",
];
const SLOW_MS = 400;

let loading = new AbortController();

/**
 * Fetches a page, by POST if there is a body, and swaps its parts into this one.
 *
 * Resolves to the address that was shown in the end, or to null if a later call took over or no
 * answer came.
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
  if (page) {
    swap(page.document);
    document.dispatchEvent(new Event("shown"));
    return page.address;
  }
  part("summary").textContent = "";
  part("question-problem").textContent = "SceneQL does not answer: is it still running?";
  return null;
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
  try {
    const response = await fetch(address, { method: body ? "POST" : "GET", body, signal });
    if (response.status === 401) {
      // The login has ended. The browser asks for it, and leads back to here.
      location.assign(body ? location.href : address);
      return new Promise(() => {});
    }
    const html = await response.text();
    return {
      address: response.url,
      document: new DOMParser().parseFromString(html, "text/html"),
    };
  } catch {
    return null; // Aborted, or nobody listens at the address.
  }
}

function swap(next, parts = PARTS) {
  const hadFocus = part("results").contains(document.activeElement);
  for (const id of parts) {
    part(id).replaceChildren(...next.getElementById(id).childNodes);
  }

  document.title = next.title;
  document.body.dataset.view = next.body.dataset.view;
  if (hadFocus) {
    part("results").focus({ preventScroll: true });
  }
}

function part(id) {
  return document.getElementById(id);
}
