// Batches: the list of them, and which part of the page is shown.

import * as filling from "./filling.js";
import * as fresh from "./newbatch.js";
import { ask } from "./server.js";
import { make, one } from "./make.js";

const STATES = { waiting: "Waiting", running: "Running", stopped: "Stopped", done: "Done" };
let looking = null; // the clock that reads the list again

/** Show the list, the form for a new batch ("new"), or a batch by its name. */
export async function show(name) {
  const part = !name ? ".every" : name === "new" ? ".new" : ".one";
  for (const each of [".every", ".new", ".one"]) one(`.batches ${each}`).hidden = each !== part;
  away();
  if (part === ".new") await fresh.show();
  else if (part === ".one") await filling.show(name);
  else await list();
}

/** Another page is shown, or another part of this one: hear and ask nothing any more. */
export function away() {
  clearTimeout(looking);
  filling.leave();
}

export const ready = (go) => fresh.ready(go);

async function list() {
  const batches = await ask("batches");
  const empty = make("li", { className: "none" }, "Nothing yet. Start with a table that has a column called prompt.");
  one(".batches .there").replaceChildren(...(batches.length ? batches.map(entry) : [empty]));
  const shown = document.body.dataset.page === "batches" && !one(".batches .every").hidden;
  const live = batches.some(({ state }) => state === "running" || state === "waiting");
  clearTimeout(looking);
  if (shown && live) looking = setTimeout(() => list().catch(() => {}), 2000);
}

function entry(batch) {
  const said = [batch.workflow, STATES[batch.state], filling.counts(batch)].join(" · ");
  const bar = make("progress", { max: batch.pictures, value: batch.made, "aria-label": `Done of ${batch.title}` });
  return make("li", {}, make("a", { href: `#batches/${encodeURIComponent(batch.name)}` }, batch.title), make("p", { className: "soft" }, said), bar);
}
