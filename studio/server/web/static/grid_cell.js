// One cell of the gallery's grid: a thumbnail, its marks, and a tick to select it.

import { make, one } from "./dom.js";
import { here } from "./server.js";

/** Draw a picture into a cell: ``n`` of ``all``, which may be ``chosen`` or have the keyboard focus. */
export function drawCell(cell, picture, { n, all, chosen, current }) {
  cell.setAttribute("role", "option");
  cell.setAttribute("aria-selected", chosen);
  cell.setAttribute("aria-setsize", all);
  cell.setAttribute("aria-posinset", n + 1);
  cell.setAttribute("aria-label", picture ? ariaLabel(picture) : "Loading");
  cell.tabIndex = current ? 0 : -1;
  cell.replaceChildren(...(picture ? face(cell, picture) : []));
}

const ariaLabel = ({ title, favourite, rating }) =>
  [title, favourite && "favourite", rating && `${rating} of 5 stars`].filter(Boolean).join(", ");

function face(cell, picture) {
  const marks = `${picture.favourite ? "♥ " : ""}${"★".repeat(picture.rating)}`;
  return [image(cell, picture), make("span", { className: "pick" }, "✓"), ...(marks ? [make("span", { className: "marks" }, marks)] : [])];
}

/** The image; an existing one is kept, so that it does not flicker. */
function image(cell, { thumbnail }) {
  const there = one("img", cell);
  if (there?.getAttribute("src") === here(thumbnail)) return there;
  return make("img", { src: here(thumbnail), alt: "", decoding: "async", draggable: false });
}
