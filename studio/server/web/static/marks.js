// What people say of pictures: hearts, stars, tags, collections and notes. Every change goes to the server at once.

import { ask } from "./server.js";
import { make } from "./make.js";

let sent = Promise.resolve();

/** Change marks of pictures; resolves to all marks they have now. One change is sent after another, so that the answer
 * to an earlier one never arrives last and shows marks as they were before. */
export function mark(pictures, change) {
  const send = () => ask("gallery", "PATCH", { pictures, ...change });
  return (sent = sent.then(send, send));
}

export function heart(on, press) {
  const label = on ? "Remove from favourites" : "Add to favourites";
  return make("button", { type: "button", className: "heart", "aria-pressed": on, "aria-label": "Favourite", title: label, onclick: () => press(!on) }, "♥");
}

/** Five stars; pressing the one that is set takes the rating away. */
export function stars(rating, press) {
  const star = (n) => make("button", { type: "button", className: n <= rating ? "lit" : "", "aria-pressed": n === rating, "aria-label": `${n} of 5 stars`, onclick: () => press(n === rating ? 0 : n) }, "★");
  return make("div", { className: "stars", role: "group", "aria-label": "Rating" }, ...[1, 2, 3, 4, 5].map(star));
}

/** Names that can be put on and taken off: ``kind`` is "tags" or "collections", ``known`` those there are. */
export function names(kind, label, has, known, { change, look }) {
  const each = (name) =>
    make("span", { className: "name" },
      make("button", { type: "button", title: `Show all in ${name}`, onclick: () => look(name) }, name),
      make("button", { type: "button", "aria-label": `Remove from ${name}`, onclick: () => change({ [kind]: { [name]: false } }) }, "×"));
  return make("div", { className: "names" }, ...has.map(each), adder(kind, label, known, change));
}

/** A box that puts a name on with Enter; it offers the names there are. */
export function adder(kind, label, known, change) {
  const list = `${kind}-there-are`;
  const box = make("input", { type: "text", placeholder: label, "aria-label": label, maxLength: 100 });
  box.setAttribute("list", list);
  const add = () => box.value.trim() && change({ [kind]: { [box.value.trim()]: true } });
  box.onchange = add; // Enter, and a name that was chosen from the list
  return make("span", { className: "add" }, box, make("datalist", { id: list }, ...known.map(({ name }) => make("option", { value: name }))));
}

export function note(text, change) {
  const box = make("textarea", { value: text, rows: 2, placeholder: "A note for yourself", "aria-label": "Note", maxLength: 10000 });
  box.onchange = () => change({ note: box.value });
  return box;
}
