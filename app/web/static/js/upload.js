/* Uploads: each file is the body of a request of its own, some at a time, with its progress. */

import { lookSoon } from "./activity.js";

const AT_ONCE = 2;

const waiting = [];
let running = 0;
let pausedUntil = 0;

// The rows of files outlive the page they were dropped on: uploads go on while others are shown.
let rows = null;
let isUnseen = false;

function section() {
  return document.getElementById("upload");
}

function add(files) {
  const { to, mostBytes } = section().dataset;
  for (const file of files) {
    const upload = { file, to, row: rowOf(file), request: null };
    upload.row.querySelector("button").addEventListener("click", () => stop(upload));
    list().append(upload.row);
    if (file.size > Number(mostBytes)) {
      end(upload, "is larger than an upload may be", true);
    } else {
      waiting.push(upload);
    }
  }
  list().hidden = false;
  next();
}

function list() {
  const place = document.getElementById("uploads");
  rows ??= place;
  if (place && place !== rows) {
    place.replaceWith(rows);
  }
  return rows;
}

function rowOf(file) {
  const row = document.createElement("li");
  const name = document.createElement("span");
  name.className = "path";
  name.textContent = file.name;
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `Progress of ${file.name}`);
  const state = document.createElement("span");
  state.className = "state";
  state.textContent = "waits";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Cancel";
  button.setAttribute("aria-label", `Cancel ${file.name}`);
  row.append(name, bar, state, button);
  return row;
}

function next() {
  while (Date.now() >= pausedUntil && running < AT_ONCE && waiting.length) {
    send(waiting.shift());
  }
}

function send(upload) {
  const { file, to, row } = upload;
  const request = new XMLHttpRequest();
  upload.request = request;
  // Half a character, as a file system may have it in a name, has no place in an address.
  request.open("PUT", to + encodeURIComponent(file.name.replace(/\p{Surrogate}/gu, "_")));
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => {
    row.querySelector("progress").value = event.loaded / (event.total || 1);
    row.querySelector(".state").textContent = share(event);
  });
  request.addEventListener("load", () => {
    if (request.status === 201) {
      const { name } = request.response;
      end(upload, name === file.name ? "queued to be indexed" : `queued as ${name}`, false);
      lookSoon();
    } else if (request.status === 429) {
      again(upload, Number(request.getResponseHeader("Retry-After")) || 10);
    } else {
      end(upload, request.response?.error ?? `was refused (${request.status})`, true);
    }
  });
  request.addEventListener("error", () => end(upload, "did not arrive: SceneQL does not answer", true));
  request.addEventListener("abort", () => end(upload, "was cancelled", true));
  request.addEventListener("loadend", () => {
    running -= 1;
    next();
  });
  request.send(file);
  running += 1;
}

/* So many files in a minute are more than the server takes: the others come after a while. */
function again(upload, afterS) {
  upload.row.querySelector("progress").value = 0;
  upload.row.querySelector(".state").textContent = "waits for its turn";
  waiting.unshift(upload);
  pausedUntil = Date.now() + 1000 * afterS;
  setTimeout(next, 1000 * afterS);
}

function share({ loaded, total }) {
  return loaded < total ? `${Math.floor((100 * loaded) / total)} %` : "is being kept";
}

function stop(upload) {
  const place = waiting.indexOf(upload);
  if (place >= 0) {
    waiting.splice(place, 1);
    end(upload, "was cancelled", true);
  } else {
    upload.request?.abort();
  }
}

function end(upload, text, isBad) {
  const { file, row } = upload;
  row.querySelector("progress").remove();
  row.querySelector("button").remove();
  const state = row.querySelector(".state");
  state.textContent = text;
  state.classList.toggle("bad", isBad);
  const said = document.getElementById("upload-said");
  if (said) {
    said.textContent = `${file.name}: ${text}`;
  } else {
    isUnseen = true;
  }
}

/* Another part of the page takes dropped pictures for questions; here they are videos. */
function takes(event) {
  const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
  return section() && items.length && !items.every((item) => item.type.startsWith("image/"));
}

function takeOver(event) {
  if (takes(event)) {
    event.preventDefault();
    event.stopPropagation();
    const isDrop = event.type === "drop";
    section().toggleAttribute("data-dropping", !isDrop);
    if (isDrop) {
      add(event.dataTransfer.files);
    }
  }
}

document.addEventListener("dragover", takeOver, true);
document.addEventListener("drop", takeOver, true);
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) {
    section()?.removeAttribute("data-dropping");
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("#upload input[type=file]")) {
    add(event.target.files);
    event.target.value = "";
  }
});

document.addEventListener("shown", () => {
  if (section() && (running || waiting.length || isUnseen)) {
    list().hidden = false;
    isUnseen = false;
  } else if (!running && !waiting.length && !isUnseen) {
    rows = null; // What is done has been seen.
  }
});

addEventListener("beforeunload", (event) => {
  if (running || waiting.length) {
    event.preventDefault();
  }
});
