// The lineage of a picture and similar pictures, as thumbnails to click.

import { make } from "./dom.js";
import { here } from "./server.js";

/** ``to`` gets the id of the picture that is clicked. */
export function lineage(entry, to) {
  const { ancestors, descendants } = entry.lineage;
  const tree = ancestors.length || descendants.length ? [family(entry, ancestors, descendants, to)] : [];
  return [...tree, ...(entry.similar.length ? [alike(entry.similar, to)] : [])];
}

function family(entry, ancestors, descendants, to) {
  const self = make("img", { className: "self", src: here(entry.thumbnail), alt: "This picture" });
  const tree = make("div", { className: "tree", tabIndex: 0, role: "group", "aria-label": "Came from, and led to" },
    branch(ancestors, to, "before"), self, branch(descendants, to, "after"));
  return make("section", {}, make("h2", {}, "Came from, and led to"), tree);
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
  return make("section", {}, make("h2", {}, "Similar pictures"), row);
}

function small(picture, to) {
  const image = make("img", { src: here(picture.thumbnail), alt: picture.title, loading: "lazy" });
  return make("button", { type: "button", onclick: () => to(picture.id) }, image);
}
