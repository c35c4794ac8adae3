/* The player: shows the video of a link at its moment, and steps through the page's links. */

const dialog = document.getElementById("player");
const video = dialog.querySelector("video");
const title = document.getElementById("player-title");
const time = document.getElementById("player-time");
const problem = document.getElementById("player-problem");
const steps = [...dialog.querySelectorAll("[data-step]")];

let link = null;

function play(next) {
  link = next;
  title.textContent = link.dataset.title;
  time.textContent = link.dataset.time;
  problem.textContent = "";
  for (const button of steps) {
    button.disabled = !neighbour(button);
  }
  video.src = link.href;
  if (!dialog.open) {
    dialog.showModal();
  }
  video.focus();
}

function neighbour(button) {
  const links = [...document.querySelectorAll("a[data-play]")];
  return links[links.indexOf(link) + Number(button.dataset.step)];
}

document.addEventListener("click", (event) => {
  const clicked = event.target.closest("a[data-play]");
  if (clicked && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    play(clicked);
  }
});

for (const button of steps) {
  button.addEventListener("click", () => play(neighbour(button)));
}

dialog.addEventListener("keydown", (event) => {
  const button = steps.find((step) => step.ariaKeyShortcuts === event.key);
  button?.click();
});

dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());

dialog.addEventListener("close", () => {
  video.removeAttribute("src");
  video.load(); // Ends the download.
  link.focus();
});

video.addEventListener("error", async () => {
  const source = video.src;
  const response = await fetch(source, {
    headers: { Accept: "application/json", Range: "bytes=0-0" },
  });
  const reason = response.ok ? "This browser cannot play the file." : (await response.json()).error;
  if (source !== video.src) {
    return; // Closed, or another video by now.
  }
  problem.textContent = reason;
  if (response.ok) {
    const file = document.createElement("a");
    file.href = source;
    file.textContent = "Open it with something else";
    problem.append(" ", file);
  }
});
