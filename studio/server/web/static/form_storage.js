// Stores the values of each form in the browser, so that they survive a reload, a lost connection or a restart.

const storageKey = (workflow) => `studio-form-${workflow}`;

/** Store the values of a form's components; ``names`` are their inputs. */
export function save(workflow, names, values) {
  const stored = Object.fromEntries(names.map((name, n) => [name, values[n]]));
  try {
    localStorage.setItem(storageKey(workflow), JSON.stringify(stored));
  } catch {
    localStorage.removeItem(storageKey(workflow)); // a painted mask can be larger than the browser's limit
  }
}

/** The stored values by name, with ``values`` for the missing ones. */
export function restore(workflow, names, values) {
  const stored = JSON.parse(localStorage.getItem(storageKey(workflow)) ?? "{}");
  return names.map((name, n) => (name in stored ? stored[name] : values[n]));
}
