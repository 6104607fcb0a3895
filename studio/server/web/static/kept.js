// What is filled in in each form is kept in this browser: a reload, a lost connection or a restart loses nothing.

const place = (workflow) => `studio-form-${workflow}`;

/** Keep the values of a form's components; ``names`` say which input of the workflow each belongs to. */
export function keep(workflow, names, values) {
  const filled = Object.fromEntries(names.map((name, n) => [name, values[n]]));
  try {
    localStorage.setItem(place(workflow), JSON.stringify(filled));
  } catch {
    localStorage.removeItem(place(workflow)); // a painted mask can be larger than what a browser keeps
  }
}

/** The values to show: those that were kept, by name, and ``values`` for the others. */
export function kept(workflow, names, values) {
  const filled = JSON.parse(localStorage.getItem(place(workflow)) ?? "{}");
  return names.map((name, n) => (name in filled ? filled[name] : values[n]));
}
