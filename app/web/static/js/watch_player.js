/* A video by its own clock, whether the browser plays the file or a conversion of it. */

const REST_MS = 300;
const LEAST_WAIT_S = 1;

/**
 * Plays a video. `time` and `seek` are seconds of the video itself: a conversion's clock begins at 0
 * wherever it begins, so what it says is added to its beginning.
 *
 * Dispatches `moved` (the time is another) and `rested` (it stays so: paused, or done seeking).
 */
export class Player extends EventTarget {
  constructor(root, signal) {
    super();
    this.root = root;
    this.video = root.querySelector("video");
    this.problem = document.getElementById("watch-problem");
    this.again = document.getElementById("try-again");
    const line = document.getElementById("timeline");
    this.length = Number(line.dataset.length);
    this.frames = JSON.parse(line.dataset.frames);
    const from = this.video.dataset.from;
    this.from = from ? Number(from) : 0;
    this.isConverted = from !== "";
    this.wanted = null;
    this.isPlaying = false;

    const listen = (names, handler) => {
      for (const name of names) {
        this.video.addEventListener(name, handler, { signal });
      }
    };
    listen(["timeupdate", "seeking"], () => this.#tell("moved"));
    listen(["pause", "seeked"], () => this.#tell("rested"));
    listen(["playing", "loadeddata"], () => this.#clear());
    listen(["error"], () => this.#fail());
    listen(["ended"], () => this.#goOn());
    // An error pauses a video as well, but is not what people want.
    listen(["play"], () => (this.isPlaying = true));
    listen(["pause"], () => (this.isPlaying &&= this.video.error !== null));
    this.#listenForAnother(signal);
  }

  /** What a source that did not play is tried again by. */
  #listenForAnother(signal) {
    this.again.addEventListener("click", () => this.#convertFrom(this.time, true), { signal });
    document.addEventListener("visibilitychange", () => this.#tryIfSeen(), { signal });
  }

  get time() {
    return this.wanted ?? this.from + this.video.currentTime;
  }

  /** Plays from where the page begins, if people want things to move and the browser lets them. */
  begin() {
    if (!this.video.hasAttribute("src")) {
      return; // The file is not there, which the page says.
    }
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.play();
    }
    if (this.video.error) {
      this.#fail(); // It happened before anybody listened.
    }
  }

  play() {
    this.video.play().catch(() => {}); // Not allowed without a click, or the source was changed.
  }

  toggle() {
    if (this.isConverted && this.video.ended) {
      this.#convertFrom(0, true);
    } else if (this.video.paused) {
      this.play();
    } else {
      this.video.pause();
    }
  }

  seek(time) {
    const target = Math.min(Math.max(0, time), this.length);
    if (this.isConverted) {
      // Even of what is loaded: Chromium begins a stream without ranges again from its beginning.
      this.#convertFrom(target);
    } else {
      this.video.currentTime = target;
    }
    this.dispatchEvent(new Event("moved"));
  }

  /** Ends the download, and with it a conversion. */
  release() {
    clearTimeout(this.later);
    this.video.removeAttribute("src");
    this.video.load();
  }

  /**
   * Dragging along the timeline begins one conversion, not one at each place on the way. One that
   * may wait begins when people play the video, unless it is played already.
   */
  #convertFrom(time, plays = !this.video.paused || this.video.ended, mayWait = false) {
    this.wanted = time;
    this.#forget();
    this.later = setTimeout(() => {
      this.isConverted = true;
      this.from = time;
      this.wanted = null;
      this.video.preload = mayWait && !plays ? "none" : "metadata";
      this.video.src = `${this.video.dataset.converted}?from=${time.toFixed(3)}`;
      if (plays) {
        this.play();
      }
      this.#tell("rested");
    }, REST_MS);
  }

  #tell(name) {
    if (this.wanted === null) {
      this.dispatchEvent(new Event(name));
    }
  }

  /** A conversion that was given up on the way, as one of a viewer who paused, is taken up again. */
  #goOn() {
    if (this.isConverted && this.time < this.length - 2 && this.video.currentTime > 1) {
      this.#convertFrom(this.time, true);
    }
  }

  #clear() {
    this.problem.textContent = "";
    this.isDoubted = false;
  }

  /** Tries the source again in so many seconds, or as soon as somebody looks at the page then. */
  #tryIn(seconds) {
    this.#forget();
    this.again.hidden = false;
    this.later = setTimeout(() => {
      this.isDue = true;
      this.#tryIfSeen();
    }, 1000 * Math.max(LEAST_WAIT_S, seconds));
  }

  #tryIfSeen() {
    if (this.isDue && !document.hidden) {
      this.#convertFrom(this.time, this.isPlaying);
    }
  }

  /** Nothing that was planned is done any more. */
  #forget() {
    clearTimeout(this.later);
    this.isDue = false;
    this.again.hidden = true;
  }

  async #fail() {
    const source = this.video.getAttribute("src");
    if (!source || !this.video.error) {
      return; // Released.
    }
    const reached = this.video.currentTime;
    if (this.isConverted && reached > 0) {
      // It was hung up on, because people paused for long: there is no hurry until they play it.
      this.#convertFrom(this.time, this.isPlaying, true);
      return;
    }
    const { reason, waitS } = await whyNot(source);
    if (source !== this.video.getAttribute("src")) {
      return; // Released, or at another place by now.
    }
    if (reason && waitS && this.isConverted) {
      this.problem.textContent = `${reason} It is tried again by itself.`;
      this.#tryIn(waitS);
    } else if (reason) {
      this.problem.textContent = reason;
    } else if (this.isConverted && !this.isDoubted) {
      // The server sends it by now, as when another conversion has ended meanwhile.
      this.isDoubted = true;
      this.#convertFrom(this.time, this.isPlaying);
    } else if (this.isConverted) {
      this.problem.textContent = "This browser cannot play the video, not even converted.";
    } else {
      this.problem.textContent = "This browser cannot play the file; it is being converted.";
      document.getElementById("convert")?.remove();
      const start = Number(/#t=([0-9.]+)/.exec(source)?.[1] ?? 0);
      this.#convertFrom(reached || start, this.isPlaying);
    }
  }
}

/** Why the server does not send a source, "" if it does, and when to ask again if it says so. */
async function whyNot(source) {
  const asking = new AbortController();
  try {
    const response = await fetch(source, {
      headers: { Accept: "application/json", Range: "bytes=0-0" },
      signal: asking.signal,
    });
    const reason = response.ok ? "" : (await response.json()).error;
    return { reason, waitS: Number(response.headers.get("Retry-After")) || 0 };
  } catch {
    return { reason: "SceneQL does not answer: is it still running?", waitS: 0 };
  } finally {
    asking.abort();
  }
}
