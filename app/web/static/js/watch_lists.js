/* Scenes and subtitles: a click goes there, and the current one is marked while the video plays. */

/** Has the lists follow the player, and lead it. */
export function followInLists(player, signal) {
  player.root.addEventListener("click", (event) => lead(player, event), { signal });
  for (const id of ["lines", "scenes"]) {
    const list = document.getElementById(id);
    if (list) {
      follow(player, list, signal);
    }
  }
}

function lead(player, event) {
  const link = event.target.closest("a[data-seek]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) {
    return;
  }
  event.preventDefault();
  player.seek(Number(link.dataset.seek));
  player.play();
}

function follow(player, list, signal) {
  const links = [...list.querySelectorAll("a[data-seek]")];
  const starts = links.map((link) => Number(link.dataset.seek));
  const ends = links.map((link) => Number(link.dataset.end));
  let current = null;

  const mark = () => {
    const at = lastAtOrBefore(starts, player.time);
    const found = at >= 0 && player.time < ends[at] + 0.001 ? links[at] : null;
    if (found !== current) {
      current?.removeAttribute("aria-current");
      found?.setAttribute("aria-current", "true");
      current = found;
      if (found && !list.matches(":hover, :focus-within")) {
        showWithin(list, found);
      }
    }
  };
  player.addEventListener("moved", mark, { signal });
  mark();
}

function lastAtOrBefore(starts, time) {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= time + 0.001) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

/** Scrolls the box alone, never the page around it. */
function showWithin(box, element) {
  const inner = element.getBoundingClientRect();
  const outer = box.getBoundingClientRect();
  if (inner.top < outer.top || inner.bottom > outer.bottom) {
    box.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
  }
  if (inner.left < outer.left || inner.right > outer.right) {
    box.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  }
}
