/* How times are written, and where links to them lead. */

/** A position as people write it: 0:07, 12:30, 1:02:03. */
export function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** The page's address at a time; what else it asks stays. */
export function addressAt(root, seconds) {
  const address = new URL(root.dataset.address, location);
  address.searchParams.set("t", String(Math.round(seconds * 100) / 100));
  return address;
}
