// The pictures of the gallery that are chosen, and what can be done with all of them at once.

import * as found from "./found.js";
import { make, one, refill } from "./make.js";
import { adder, heart } from "./marks.js";

const ids = new Set();
let from = null; // where a range that is chosen with Shift begins
let wires = {}; // what the gallery gives us

export const some = () => ids.size > 0;
export const has = (id) => ids.has(id);
export const all = () => [...ids];

/** Choose picture ``n``, or leave it out again. */
export function toggle(n) {
  const { id } = found.pictures[n] ?? {};
  if (!id) return;
  if (!ids.delete(id)) ids.add(id);
  from = n;
  changed([n]);
}

/** Choose all from the one that was chosen last to picture ``n``. */
export function reach(n) {
  if (from === null) return toggle(n);
  const [first, last] = [Math.min(from, n), Math.max(from, n)];
  const range = found.pictures.slice(first, last + 1);
  range.forEach(({ id }) => ids.add(id));
  changed(range.map((_, k) => first + k));
}

/** Choose none of these any more; of all without a list. */
export function none(some = all()) {
  some.forEach((id) => ids.delete(id));
  from = null;
  changed(some.map(found.place));
}

function changed(places) {
  wires.again(places);
  draw();
}

/** The bar with what can be done; away where nothing is chosen. */
export function draw() {
  const bar = one(".gallery .chosen");
  bar.hidden = !some();
  const pictures = found.pictures.filter(({ id }) => ids.has(id));
  refill(bar, ...(some() ? acts(all(), pictures) : []));
}

function acts(ids, pictures) {
  const act = (label, onclick) => make("button", { type: "button", className: "quiet", onclick }, label);
  const { tag, collection } = wires.choices();
  const mark = (said) => wires.mark(ids, said);
  return [
    make("strong", {}, `${ids.length.toLocaleString()} chosen`),
    heart(pictures.every(({ favourite }) => favourite), (favourite) => mark({ favourite })),
    adder("collections", "Add to a collection", collection, mark),
    adder("tags", "Add a tag", tag, mark),
    pictures.some(({ place }) => place === "trash") ? act("Put back", () => wires.restore(ids)) : act("Move to trash", () => wires.trash(ids)),
    act("Done", () => none()),
  ];
}

export const ready = (given) => (wires = given);
