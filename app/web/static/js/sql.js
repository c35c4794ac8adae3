// Buttons that copy the text of another element: data-copies names it.

const SHOWN_MS = 2000;

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text.textContent);
    return true;
  } catch {
    // Without https, or without leave to write, people copy what is selected for them.
    getSelection().selectAllChildren(text);
    return document.execCommand("copy");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const [label] = button.childNodes;
  const name = (button.dataset.label ??= label.textContent);
  label.textContent = (await copy(document.getElementById(button.dataset.copies))) ? "Copied" : "Selected";
  setTimeout(() => (label.textContent = name), SHOWN_MS);
});

// They are of no use without a script.
function reveal() {
  for (const button of document.querySelectorAll("[data-copies]")) button.hidden = false;
}

document.addEventListener("shown", reveal);
reveal();
