/* The picture of the question: picked, dropped anywhere on the page, pasted, or by its address. */

import { ask } from "./ask.js";

const form = document.getElementById("ask");

function send(file) {
  const files = new DataTransfer();
  files.items.add(file);
  form.elements.picture.files = files.files;
  ask();
}

function sendAddress(address) {
  document.getElementById("address").value = address;
  ask();
}

function isAddress(text) {
  return /^https?:\/\/\S+$/.test(text);
}

function brings(event) {
  const { types } = event.dataTransfer;
  return types.includes("Files") || types.includes("text/uri-list");
}

document.addEventListener("change", (event) => {
  if (event.target === form.elements.picture && event.target.files.length) {
    ask();
  }
});

document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
  const text = event.clipboardData.getData("text/plain").trim();
  if (file) {
    event.preventDefault();
    send(file);
  } else if (isAddress(text) && event.target === form.elements.q && !form.elements.q.value) {
    event.preventDefault();
    sendAddress(text);
  }
});

document.addEventListener("dragover", (event) => {
  if (brings(event)) {
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
  if (!brings(event)) {
    return;
  }
  event.preventDefault();
  const file = event.dataTransfer.files[0];
  const address = event.dataTransfer.getData("text/uri-list").split("\n")[0];
  if (file) {
    send(file);
  } else if (isAddress(address)) {
    sendAddress(address);
  }
});
