/* The picture of the question: picked, dropped anywhere on the page, or pasted. */

const form = document.getElementById("ask");
const input = form.elements.image;
const chip = document.getElementById("chip");
const preview = chip.querySelector("img");

/** Makes the file the question's picture; null removes it. */
export function choose(file) {
  const files = new DataTransfer();
  if (file) {
    files.items.add(file);
  }
  input.files = files.files;
  showChip();
}

function showChip() {
  const file = input.files[0];
  URL.revokeObjectURL(preview.src);
  preview.src = file ? URL.createObjectURL(file) : "";
  chip.querySelector(".chip-name").textContent = file?.name ?? "";
  chip.hidden = !file;
}

function ask(file) {
  choose(file);
  form.requestSubmit();
}

function bringsFile(event) {
  return event.dataTransfer.types.includes("Files");
}

input.addEventListener("change", () => {
  showChip();
  form.requestSubmit();
});

chip.querySelector("button").addEventListener("click", () => {
  ask(null);
  form.elements.q.focus();
});

document.addEventListener("paste", (event) => {
  const file = event.clipboardData.files[0];
  if (file) {
    event.preventDefault();
    ask(file);
  }
});

document.addEventListener("dragover", (event) => {
  if (bringsFile(event)) {
    event.preventDefault();
    document.body.toggleAttribute("data-dropping", true);
  }
});

document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) {
    document.body.removeAttribute("data-dropping");
  }
});

document.addEventListener("drop", (event) => {
  document.body.removeAttribute("data-dropping");
  if (bringsFile(event)) {
    event.preventDefault();
    ask(event.dataTransfer.files[0]);
  }
});

showChip(); // A reload may have kept the chosen file.
