/* The form for a clip: what cannot be cut is told in it, before the server would tell it. */

/** Checks the times of a clip when it is asked for. */
export function setUpClip(root, signal) {
  const form = root.querySelector("#clip");
  const told = root.querySelector("#clip-problem");
  if (!form) {
    return; // There is no file to cut.
  }
  form.noValidate = true;
  form.addEventListener(
    "submit",
    (event) => {
      const { start, end } = form.elements;
      const [at, problem] = wrong(start, end, Number(form.dataset.longest));
      told.textContent = problem;
      for (const field of [start, end]) {
        field.ariaInvalid = field === at ? "true" : null;
      }
      if (at) {
        event.preventDefault();
        at.focus();
      }
    },
    { signal },
  );
}

/** The field that is at fault, and why; neither if both are right. */
function wrong(start, end, longest) {
  for (const [field, name] of [
    [start, "start"],
    [end, "end"],
  ]) {
    if (!field.validity.valid) {
      return [field, `The ${name} is a time in seconds, from 0 to ${field.max}.`];
    }
  }
  const length = end.valueAsNumber - start.valueAsNumber;
  if (length <= 0) {
    return [end, "The end must come after the start."];
  }
  return length > longest ? [end, `A clip may last ${longest} s at most.`] : [null, ""];
}
