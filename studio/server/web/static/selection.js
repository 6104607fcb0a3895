// The selected pictures of the gallery, and the actions for all of them.

import * as results from "./search_results.js";
import { make, one, refill } from "./dom.js";
import { adder, heart } from "./marks.js";

const ids = new Set();
let from = null; // the start of a range that is selected with Shift
let callbacks = {}; // set by the gallery

export const some = () => ids.size > 0;
export const has = (id) => ids.has(id);
export const all = () => [...ids];

/** Select picture ``n``, or deselect it. */
export function toggle(n) {
  const { id } = results.pictures[n] ?? {};
  if (!id) return;
  if (!ids.delete(id)) ids.add(id);
  from = n;
  changed([n]);
}

/** Select all from the last selected picture to picture ``n``. */
export function extendTo(n) {
  if (from === null) return toggle(n);
  const [first, last] = [Math.min(from, n), Math.max(from, n)];
  const range = results.pictures.slice(first, last + 1);
  range.forEach(({ id }) => ids.add(id));
  changed(range.map((_, k) => first + k));
}

/** Deselect these pictures, by default all. */
export function clear(some = all()) {
  some.forEach((id) => ids.delete(id));
  from = null;
  changed(some.map(results.place));
}

function changed(places) {
  callbacks.again(places);
  draw();
}

/** Draw the bar with the actions; it is hidden if nothing is selected. */
export function draw() {
  const bar = one(".gallery .chosen");
  bar.hidden = !some();
  const pictures = results.pictures.filter(({ id }) => ids.has(id));
  refill(bar, ...(some() ? acts(all(), pictures) : []));
}

function acts(ids, pictures) {
  const act = (label, onclick) => make("button", { type: "button", className: "quiet", onclick }, label);
  const { tag, collection } = callbacks.choices();
  const mark = (change) => callbacks.mark(ids, change);
  return [
    make("strong", {}, `${ids.length.toLocaleString()} selected`),
    heart(pictures.every(({ favourite }) => favourite), (favourite) => mark({ favourite })),
    adder("collections", "Add to a collection", collection, mark),
    adder("tags", "Add a tag", tag, mark),
    pictures.some(({ place }) => place === "trash") ? act("Put back", () => callbacks.restore(ids)) : act("Move to trash", () => callbacks.trash(ids)),
    act("Done", () => clear()),
  ];
}

export const ready = (given) => (callbacks = given);
