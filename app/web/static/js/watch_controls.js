/* Controls of a converted video: the browser's own would show the length of what is loaded. */

/** Sets the controls up; they take the place of the browser's own while a conversion plays. */
export function setUpControls(player, signal) {
  const { video } = player;
  const [controls, screen, play, mute, volume, whole] = [
    "controls",
    "screen",
    "play",
    "mute",
    "volume",
    "whole-screen",
  ].map((id) => document.getElementById(id));

  const show = () => {
    video.controls = !player.isConverted;
    controls.hidden = !player.isConverted;
    play.textContent = video.paused || video.ended ? "Play" : "Pause";
    mute.textContent = video.muted ? "Unmute" : "Mute";
    volume.value = video.muted ? 0 : video.volume;
    volume.ariaValueText = `${Math.round(100 * volume.value)} %`;
    whole.hidden = !document.fullscreenEnabled;
    whole.textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
  };
  const listen = (target, name, handler) => target.addEventListener(name, handler, { signal });
  for (const name of ["loadstart", "play", "pause", "ended", "volumechange"]) {
    listen(video, name, show);
  }
  listen(document, "fullscreenchange", show);
  show();

  listen(play, "click", () => player.toggle());
  listen(video, "click", () => player.isConverted && player.toggle());
  listen(mute, "click", () => (video.muted = !video.muted));
  listen(volume, "input", () => {
    video.volume = volume.value;
    video.muted = false;
  });
  listen(whole, "click", () => {
    if (document.fullscreenElement) {
      document.exitFullscreen();
    } else {
      screen.requestFullscreen();
    }
  });
}
