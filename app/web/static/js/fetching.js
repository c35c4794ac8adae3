/* What the parts of the library share: pages to take parts from, and a line that is read aloud. */

/** Fetches a page of the library as a document; null if none came. */
export async function fetchPage(address, options = {}) {
  try {
    const response = await fetch(address, options);
    const text = await response.text();
    return { ok: response.ok, document: new DOMParser().parseFromString(text, "text/html") };
  } catch {
    return null; // Aborted, or nobody listens.
  }
}

/** Says something to those who see the page and those who hear it. */
export function say(text) {
  document.getElementById("summary").textContent = text;
}
