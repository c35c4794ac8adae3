/* What all parts share: pages to take parts from, and a line that is read aloud. */

/**
 * Fetches a page as a document, and the address it had in the end; null if none came, because it
 * was aborted or nobody listens. One that is not `ok` tells its problem in one line.
 */
export async function fetchPage(address, options = {}) {
  try {
    const response = await fetch(address, options);
    const text = await response.text();
    const page = new DOMParser().parseFromString(text, "text/html");
    const problem = response.ok ? "" : problemOf(response, text, page);
    const { ok, status, url } = response;
    return { ok, status, address: url, document: page, problem };
  } catch {
    return null;
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
