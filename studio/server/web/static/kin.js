// Where a picture came from, what came of it, and what looks like it: small pictures to go to.

import { make } from "./make.js";
import { here } from "./server.js";

/** ``to`` is given the id of the picture that somebody goes to. */
export function kin(entry, to) {
  const { ancestors, descendants } = entry.lineage;
  const tree = ancestors.length || descendants.length ? [family(entry, ancestors, descendants, to)] : [];
  return [...tree, ...(entry.similar.length ? [alike(entry.similar, to)] : [])];
}

function family(entry, ancestors, descendants, to) {
  const self = make("img", { className: "self", src: here(entry.thumbnail), alt: "This picture" });
  const tree = make("div", { className: "tree", tabIndex: 0, role: "group", "aria-label": "Came from, and led to" },
    branch(ancestors, to, "before"), self, branch(descendants, to, "after"));
  return make("section", {}, make("h2", {}, "Where it came from, what came of it"), tree);
}

function branch(relatives, to, side) {
  if (!relatives.length) return "";
  return make("ul", { className: side }, ...relatives.map((one) => make("li", {}, relative(one, to), branch(one.further, to, side))));
}

function relative(one, to) {
  const as = make("span", { className: "as" }, one.input);
  if (!one.picture) return make("div", { className: "relative" }, make("span", { className: "gone", title: "No longer here" }, "?"), as);
  return make("div", { className: "relative" }, small(one.picture, to), as);
}

function alike(similar, to) {
  const row = make("ul", { className: "alike" }, ...similar.map((picture) => make("li", {}, small(picture, to))));
  return make("section", {}, make("h2", {}, "Looks like it"), row);
}

function small(picture, to) {
  const image = make("img", { src: here(picture.thumbnail), alt: picture.title, loading: "lazy" });
  return make("button", { type: "button", onclick: () => to(picture.id) }, image);
}
