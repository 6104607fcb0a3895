// The filters of the gallery: each adds a term to the search, and shows the term that is there.

import { make } from "./dom.js";

const TERM = /-?(?:([A-Za-z]+):)?(?:"([^"]*)"?|(\S+))/g; // the syntax of the server
const MENUS = { collection: "Collection", workflow: "Workflow", model: "Model", lora: "LoRA", tag: "Tag" };
const STARS = [5, 4, 3, 2, 1].map((stars) => ({ name: String(stars), title: `${"★".repeat(stars)}${stars < 5 ? " or more" : ""}` }));

const terms = (text) => [...text.matchAll(TERM)].map(([whole, key, quoted, plain]) => ({ whole, key, value: quoted ?? plain }));
const is = (term, key, value) => term.key === key && !term.whole.startsWith("-") && (value === undefined || term.value === value);
const written = (key, value) => (/\s/.test(value) ? `${key}:"${value}"` : `${key}:${value}`);

/** Replace ``key:value`` in the search; without a value, remove the key. */
export function put(text, key, value) {
  const kept = terms(text).filter((term) => !is(term, key)).map((term) => term.whole);
  return [...kept, ...(value ? [written(key, value)] : [])].join(" ");
}

/** Add ``is:value`` to the search, or remove it. */
function flip(text, value) {
  const kept = terms(text).filter((term) => !is(term, "is", value)).map((term) => term.whole);
  return [...kept, ...(kept.length === terms(text).length ? [`is:${value}`] : [])].join(" ");
}

/** The chips for a search; ``change`` gets the new search when one is used. */
export function chips(text, choices, change) {
  const menus = Object.entries(MENUS).filter(([key]) => choices[key].length || chosen(text, key));
  return [
    toggle(text, "favourite", "♥ Favourites", change),
    menu(text, "rating", "Rating", STARS, change),
    ...menus.map(([key, label]) => menu(text, key, label, choices[key], change)),
    toggle(text, "trash", "Trash", change),
  ];
}

const chosen = (text, key) => terms(text).find((term) => is(term, key))?.value;

function toggle(text, value, label, change) {
  const on = terms(text).some((term) => is(term, "is", value));
  return make("button", { type: "button", className: "chip", "aria-pressed": on, onclick: () => change(flip(text, value)) }, label);
}

function menu(text, key, label, offered, change) {
  const now = chosen(text, key) ?? "";
  const known = offered.some((one) => one.name === now) || !now ? offered : [{ name: now }, ...offered];
  const options = known.map((one) => make("option", { value: one.name, selected: one.name === now }, optionLabel(one)));
  const select = make("select", { className: "chip", "aria-label": label }, make("option", { value: "" }, now ? `Any ${label.toLowerCase()}` : label), ...options);
  if (now) select.dataset.on = "";
  select.onchange = () => change(put(text, key, select.value));
  return select;
}

const optionLabel = (one) => `${one.title || one.name}${one.count ? ` (${one.count})` : ""}`;
