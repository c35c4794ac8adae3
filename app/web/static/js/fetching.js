/* What the parts of the library share: pages to take parts from, and a line that is read aloud. */

/**
 * Fetches a page of the library as a document; null if none came. One that is not `ok` tells its
 * problem in one line.
 */
export async function fetchPage(address, options = {}) {
  try {
    const response = await fetch(address, options);
    const text = await response.text();
    const page = new DOMParser().parseFromString(text, "text/html");
    const problem = response.ok ? "" : problemOf(response, text, page);
    return { ok: response.ok, document: page, problem };
  } catch {
    return null; // Aborted, or nobody listens.
  }
}

function problemOf(response, text, page) {
  // Strangers, such as those whose login has ended, are told so in JSON.
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  const told = isJson ? JSON.parse(text).error : page.querySelector(".notice p")?.textContent;
  return told?.trim() || `SceneQL answers with an error (${response.status}).`;
}

/** Says something to those who see the page and those who hear it. */
export function say(text) {
  document.getElementById("summary").textContent = text;
}
