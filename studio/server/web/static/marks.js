// Marks of pictures: favourite, rating, tags, collections and notes. Every change is sent to the server at once.

import { ask } from "./server.js";
import { make } from "./dom.js";

let sent = Promise.resolve();

/** Change the marks of pictures; resolves to their new marks. One change is sent after another, so that the answer to an
 * earlier one never arrives last and shows marks as they were before. */
export function mark(pictures, change) {
  const send = () => ask("gallery", "PATCH", { pictures, ...change });
  return (sent = sent.then(send, send));
}

export function heart(on, press) {
  const label = on ? "Remove from favourites" : "Add to favourites";
  return make("button", { type: "button", className: "heart", "aria-pressed": on, "aria-label": "Favourite", title: label, onclick: () => press(!on) }, "♥");
}

/** Five stars; pressing the current one removes the rating. */
export function stars(rating, press) {
  const star = (n) => make("button", { type: "button", className: n <= rating ? "lit" : "", "aria-pressed": n === rating, "aria-label": `${n} of 5 stars`, onclick: () => press(n === rating ? 0 : n) }, "★");
  return make("div", { className: "stars", role: "group", "aria-label": "Rating" }, ...[1, 2, 3, 4, 5].map(star));
}

/** Tags or collections (``kind``) that can be added and removed; ``known`` are the existing ones. */
export function names(kind, label, has, known, { change, look }) {
  const each = (name) =>
    make("span", { className: "name" },
      make("button", { type: "button", title: `Show all in ${name}`, onclick: () => look(name) }, name),
      make("button", { type: "button", "aria-label": `Remove from ${name}`, onclick: () => change({ [kind]: { [name]: false } }) }, "×"));
  return make("div", { className: "names" }, ...has.map(each), adder(kind, label, known, change));
}

/** A box that adds a name with Enter; it suggests existing names. */
export function adder(kind, label, known, change) {
  const list = `${kind}-there-are`;
  const box = make("input", { type: "text", placeholder: label, "aria-label": label, maxLength: 100 });
  box.setAttribute("list", list);
  const add = () => box.value.trim() && change({ [kind]: { [box.value.trim()]: true } });
  box.onchange = add; // also for a name that is chosen from the list
  return make("span", { className: "add" }, box, make("datalist", { id: list }, ...known.map(({ name }) => make("option", { value: name }))));
}

export function note(text, change) {
  const box = make("textarea", { value: text, rows: 2, placeholder: "A note for yourself", "aria-label": "Note", maxLength: 10000 });
  box.onchange = () => change({ note: box.value });
  return box;
}
