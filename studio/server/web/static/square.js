// One square of the gallery's grid: a small picture, what is said of it, a tick to choose it.

import { make, one } from "./make.js";
import { here } from "./server.js";

/** Draw a picture into a square; ``about``: its number, how many there are, whether it is chosen or has the keyboard. */
export function square(cell, picture, { n, all, chosen, current }) {
  cell.setAttribute("role", "option");
  cell.setAttribute("aria-selected", chosen);
  cell.setAttribute("aria-setsize", all);
  cell.setAttribute("aria-posinset", n + 1);
  cell.setAttribute("aria-label", picture ? spoken(picture) : "Not there yet");
  cell.tabIndex = current ? 0 : -1;
  cell.replaceChildren(...(picture ? face(cell, picture) : []));
}

const spoken = ({ title, favourite, rating }) =>
  [title, favourite && "favourite", rating && `${rating} of 5 stars`].filter(Boolean).join(", ");

function face(cell, picture) {
  const said = `${picture.favourite ? "♥ " : ""}${"★".repeat(picture.rating)}`;
  return [image(cell, picture), make("span", { className: "pick" }, "✓"), ...(said ? [make("span", { className: "said" }, said)] : [])];
}

/** The picture; the one that is there already is kept, so that it does not flicker. */
function image(cell, { thumbnail }) {
  const there = one("img", cell);
  if (there?.getAttribute("src") === here(thumbnail)) return there;
  return make("img", { src: here(thumbnail), alt: "", decoding: "async", draggable: false });
}
