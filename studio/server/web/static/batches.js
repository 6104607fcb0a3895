// Batches: the list of them, and which part of the page is shown.

import * as batchProgress from "./batch_progress.js";
import * as batchForm from "./batch_form.js";
import { ask } from "./server.js";
import { make, one } from "./dom.js";

const STATES = { waiting: "Waiting", running: "Running", stopped: "Stopped", done: "Done" };
let timer = null; // reads the list again

/** Show the list, the form for a new batch ("new"), or a batch by its name. */
export async function show(name) {
  const part = !name ? ".every" : name === "new" ? ".new" : ".one";
  for (const each of [".every", ".new", ".one"]) one(`.batches ${each}`).hidden = each !== part;
  leave();
  if (part === ".new") await batchForm.show();
  else if (part === ".one") await batchProgress.show(name);
  else await list();
}

/** Stop listening when another page, or another part of this one, is shown. */
export function leave() {
  clearTimeout(timer);
  batchProgress.leave();
}

export const ready = (go) => batchForm.ready(go);

async function list() {
  const batches = await ask("batches");
  const empty = make("li", { className: "none" }, "Nothing yet. Start with a table that has a column called prompt.");
  one(".batches .there").replaceChildren(...(batches.length ? batches.map(entry) : [empty]));
  const shown = document.body.dataset.page === "batches" && !one(".batches .every").hidden;
  const live = batches.some(({ state }) => state === "running" || state === "waiting");
  clearTimeout(timer);
  if (shown && live) timer = setTimeout(() => list().catch(() => {}), 2000);
}

function entry(batch) {
  const details = [batch.workflow, STATES[batch.state], batchProgress.counts(batch)].join(" · ");
  const bar = make("progress", { max: batch.pictures, value: batch.made, "aria-label": `Done of ${batch.title}` });
  return make("li", {}, make("a", { href: `#batches/${encodeURIComponent(batch.name)}` }, batch.title), make("p", { className: "soft" }, details), bar);
}
