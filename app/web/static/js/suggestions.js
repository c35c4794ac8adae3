/* Suggested filters for the word that is being typed: a list below the box, by arrow keys. */

const WAIT_MS = 120;

const box = document.getElementById("q");
const list = document.getElementById("suggestions");

let timer = 0;
let asking = new AbortController();
let chosen = -1;

/** The word around the caret, quoted values included, and where it stands in the box. */
function word() {
  const caret = box.selectionStart;
  const start = box.value.slice(0, caret).search(/(?:[^\s"]|"[^"]*"?)*$/);
  const rest = box.value.slice(caret).match(/^[^\s]*/)[0].length;
  return { start, end: caret + rest, text: box.value.slice(start, caret) };
}

function close() {
  asking.abort();
  clearTimeout(timer);
  list.hidden = true;
  list.replaceChildren();
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
  chosen = -1;
}

function mark(next) {
  const options = [...list.children];
  chosen = (next + options.length) % options.length;
  options.forEach((option, n) => option.setAttribute("aria-selected", String(n === chosen)));
  box.setAttribute("aria-activedescendant", options[chosen].id);
  options[chosen].scrollIntoView({ block: "nearest" });
}

function take(option) {
  const { start, end } = word();
  const isName = option.dataset.isName === "true";
  const text = option.dataset.text + (isName ? "" : " ");
  box.setRangeText(text, start, end, "end");
  close();
  box.focus();
  if (isName) {
    suggest();
  } else {
    box.form.requestSubmit();
  }
}

function render(found) {
  list.replaceChildren(
    ...found.map((one, n) => {
      const option = document.createElement("li");
      option.id = `suggestion-${n}`;
      option.role = "option";
      option.ariaSelected = "false";
      option.dataset.text = one.text;
      option.dataset.isName = one.is_name;
      const text = document.createElement("span");
      text.textContent = one.text;
      const note = document.createElement("span");
      note.className = "note";
      note.textContent = one.videos === null ? one.note : videos(one.videos);
      option.append(text, note);
      return option;
    }),
  );
  list.hidden = !found.length;
  box.setAttribute("aria-expanded", String(found.length > 0));
  chosen = -1;
}

function videos(number) {
  return `${number.toLocaleString("en")} ${number === 1 ? "video" : "videos"}`;
}

async function suggest() {
  asking.abort();
  asking = new AbortController();
  const { text } = word();
  const { signal } = asking;
  if (text.length < 2) {
    close();
    return;
  }
  try {
    const query = new URLSearchParams({ prefix: text });
    const response = await fetch(`/api/suggestions?${query}`, { signal });
    if (response.ok) {
      render((await response.json()).suggestions);
    }
  } catch {
    // A later word took over, or nobody answers: there is nothing to suggest.
  }
}

box.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(suggest, WAIT_MS);
});

box.addEventListener("keydown", (event) => {
  if (list.hidden) {
    return;
  }
  const options = list.children;
  if (event.key === "ArrowDown") {
    mark(chosen + 1);
  } else if (event.key === "ArrowUp") {
    mark(chosen < 0 ? -1 : chosen - 1);
  } else if (event.key === "Escape") {
    close();
  } else if ((event.key === "Enter" && chosen >= 0) || (event.key === "Tab" && chosen >= 0)) {
    take(options[chosen]);
  } else {
    return;
  }
  event.preventDefault();
});

// Before the box loses its focus, which would close the list.
list.addEventListener("mousedown", (event) => {
  event.preventDefault();
  const option = event.target.closest("[role=option]");
  if (option) {
    take(option);
  }
});

box.addEventListener("blur", close);
box.form.addEventListener("submit", close);
