// The gallery: everything that was made. Search it, choose from it, look at one closer.

import * as closer from "./closer.js";
import * as found from "./found.js";
import { chips } from "./filters.js";
import { grid } from "./grid.js";
import { make, one, say } from "./make.js";
import { adder, heart, mark as put } from "./marks.js";
import { ask } from "./server.js";

const part = (selector) => one(`.gallery ${selector}`);
const NOTHING = { collection: [], workflow: [], model: [], lora: [], tag: [] };
const complain = (error) => say(error.message);

let squares = null; // the grid
let choices = NOTHING; // what filters can offer
let takers = []; // workflows that begin with a picture, and the name of that input
let at = 0; // the square that the keyboard is on
let from = null; // where a range that is chosen with Shift begins
let page = {}; // what the page gives us: go, reuse, vary
const chosen = new Set(); // ids

const text = () => part("input").value.trim();
const current = () => closer.shown()?.id;

/** Show the gallery or, where the address names one, a picture closer. */
export async function show(id) {
  document.body.classList.toggle("looking", Boolean(id));
  if (id) return closer.open(id).catch(lost);
  const came = closer.shown();
  closer.close();
  if (!came || !found.total) return search();
  const place = found.place(came.id);
  if (place >= 0) focus(place);
}

function lost(error) {
  complain(error);
  page.go("gallery");
}

/** Search for what is in the box. */
async function search(anew = true) {
  if (!(await found.look(text()))) return;
  if (anew) at = 0;
  chosen.clear();
  draw();
  refresh();
}

/** Ask what there is to choose from; the pictures need not wait for it. */
async function refresh() {
  choices = await ask("gallery/choices");
  part(".chips").replaceChildren(...chips(text(), choices, searchFor));
}

function searchFor(words) {
  part("input").value = words;
  scrollTo(0, 0);
  return search().catch(complain);
}

function draw() {
  squares.size(found.total);
  part(".found").textContent = found.total ? `${found.total.toLocaleString()} ${found.total === 1 ? "picture" : "pictures"}` : "";
  part(".grid").hidden = !found.total;
  nothing();
  bar();
}

/** Kind words where there is nothing to show. */
function nothing() {
  const box = part(".nothing");
  box.hidden = found.total > 0;
  const trash = /\bis:trash\b/.test(text());
  one("h2", box).textContent = trash ? "The trash is empty" : text() ? "No picture fits" : "Your gallery is still empty";
  one("p", box).textContent = trash
    ? "Pictures that you put into the trash wait here, and can be put back."
    : text() ? "Try fewer words, or take a filter away." : "Every picture you make is kept here, with all of its settings.";
  one("button", box).hidden = !text();
}

/** Draw one picture of the grid. */
function fill(cell, n) {
  found.need(n + found.AHEAD, came)?.catch(complain);
  const picture = found.pictures[n];
  cell.setAttribute("role", "option");
  cell.setAttribute("aria-selected", Boolean(picture) && chosen.has(picture.id));
  cell.setAttribute("aria-setsize", found.total);
  cell.setAttribute("aria-posinset", n + 1);
  cell.setAttribute("aria-label", picture ? spoken(picture) : "Not there yet");
  cell.tabIndex = n === at ? 0 : -1;
  cell.onclick = (event) => press(event, n);
  cell.onfocus = () => (at = n);
  cell.replaceChildren(...(picture ? face(picture) : []));
}

function spoken({ title, favourite, rating }) {
  return [title, favourite && "favourite", rating && `${rating} of 5 stars`].filter(Boolean).join(", ");
}

function face(picture) {
  const image = make("img", { src: picture.thumbnail, alt: "", decoding: "async", draggable: false });
  const said = `${picture.favourite ? "♥ " : ""}${"★".repeat(picture.rating)}`;
  return [image, make("span", { className: "pick" }, "✓"), ...(said ? [make("span", { className: "said" }, said)] : [])];
}

const came = (first) => squares.again(first);

/** A click opens a picture; with Ctrl, Shift, on the tick, or while others are chosen, it chooses. */
function press(event, n) {
  const { id } = found.pictures[n] ?? {};
  if (!id) return;
  at = n;
  if (event.shiftKey && from !== null) choose(Math.min(from, n), Math.max(from, n));
  else if (event.ctrlKey || event.metaKey || chosen.size || event.target.matches(".pick")) toggle(n);
  else page.go(`gallery/${id}`);
}

function toggle(n) {
  const { id } = found.pictures[n] ?? {};
  if (!id) return;
  if (!chosen.delete(id)) chosen.add(id);
  from = n;
  squares.again(n, n + 1);
  bar();
}

function choose(first, last) {
  for (const { id } of found.pictures.slice(first, last + 1)) chosen.add(id);
  squares.again(first, last + 1);
  bar();
}

function chooseNone() {
  chosen.clear();
  squares.again();
  bar();
}

/** What can be done with all that is chosen. */
function bar() {
  const box = part(".chosen");
  box.hidden = !chosen.size;
  if (!chosen.size) return box.replaceChildren();
  const ids = [...chosen];
  const act = (label, onclick) => make("button", { type: "button", className: "quiet", onclick }, label);
  const trashed = found.pictures.some(({ id, place }) => chosen.has(id) && place === "trash");
  box.replaceChildren(
    make("strong", {}, `${ids.length} chosen`),
    heart(found.pictures.every(({ id, favourite }) => !chosen.has(id) || favourite), (favourite) => mark(ids, { favourite })),
    adder("collections", "Add to a collection", choices.collection, (said) => mark(ids, said)),
    adder("tags", "Add a tag", choices.tag, (said) => mark(ids, said)),
    trashed ? act("Put back", () => restore(ids)) : act("Trash", () => trash(ids)),
    act("None", chooseNone),
  );
}

/** Say something of pictures, and show it wherever they are shown. */
async function mark(ids, said) {
  try {
    const fresh = await put(ids, said);
    found.renew(fresh);
    fresh.forEach(closer.renew);
    squares.again();
    bar();
    if (said.tags || said.collections) await refresh();
  } catch (error) {
    complain(error);
  }
}

async function move(ids, where) {
  await ask(`gallery/${where}`, "POST", { pictures: ids });
  const place = found.place(current() ?? ids[0]);
  found.without(ids);
  ids.forEach((id) => chosen.delete(id));
  at = Math.max(0, Math.min(place < 0 ? at : place, found.total - 1));
  draw();
  if (current()) page.go(found.pictures[at] ? `gallery/${found.pictures[at].id}` : "gallery");
  else if (found.total) focus(at);
}

const many = (ids) => (ids.length === 1 ? "The picture is" : `${ids.length.toLocaleString()} pictures are`);

function trash(ids) {
  const undo = () => restore(ids).then(() => search(false));
  return move(ids, "trash").then(() => say(`${many(ids)} in the trash.`, { label: "Undo", press: undo }), complain);
}

function restore(ids) {
  return move(ids, "restore").then(() => say(`${many(ids)} back.`), complain);
}

/** Go to square ``n``. */
function focus(n) {
  const before = at;
  at = Math.max(0, Math.min(n, found.total - 1));
  const cell = squares.reveal(at);
  squares.again(before, before + 1);
  if (cell) cell.tabIndex = 0;
  cell?.focus({ preventScroll: true });
}

function turn(by) {
  const n = found.place(current()) + by;
  const { id } = found.pictures[n] ?? {};
  if (id) page.go(`gallery/${id}`);
}

const STEPS = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -squares.columns(), ArrowDown: () => squares.columns() };

/** A key that was pressed while the gallery is shown, and not in a box; says whether it was ours. */
export function key(event) {
  const { key: name, target } = event;
  const ids = current() ? [current()] : chosen.size ? [...chosen] : [found.pictures[at]?.id].filter(Boolean);
  if (name === "Escape") return current() ? page.go("gallery") : chooseNone();
  if (name === "/") return current() ? undefined : take(event, () => part("input").focus());
  if (!ids.length) return;
  const marks = current() ? closer.shown() : found.pictures.find(({ id }) => id === ids[0]);
  if (name === "f") mark(ids, { favourite: !marks?.favourite });
  else if (/^[0-5]$/.test(name)) mark(ids, { rating: Number(name) });
  else if (name === "Delete") (marks?.place === "trash" ? restore : trash)(ids);
  else if (target.closest("button, a, select, summary")) return;
  else if (current()) turn({ ArrowLeft: -1, ArrowRight: 1 }[name] ?? 0);
  else if (name === "Enter") take(event, () => page.go(`gallery/${found.pictures[at].id}`));
  else if (name === " ") take(event, () => toggle(at));
  else if (name === "Home" || name === "End") take(event, () => focus(name === "Home" ? 0 : found.pictures.length - 1));
  else if (STEPS[name]) take(event, () => focus(at + STEPS[name]()));
}

function take(event, act) {
  event.preventDefault();
  act();
}

/** What the page's forms take: which of them begin with a picture. */
async function learn() {
  const takes = (spec) => [spec, ...(spec.anyOf ?? [])].some(({ format }) => format === "path");
  const input = ({ schema }) => Object.keys(schema.properties).find((name) => takes(schema.properties[name]));
  takers = (await ask("workflows")).map((one) => ({ ...one, input: input(one) })).filter((one) => one.input);
}

/** Begin another workflow with this picture, and with its words. */
function send(taker, { picture, prompt }) {
  const words = taker.schema.properties.prompt && prompt ? { prompt } : {};
  page.reuse({ workflow: taker.name, values: { ...words, [taker.input]: picture } });
}

/** Wire the gallery; ``given`` is what it needs of the page. */
export function ready(given) {
  page = given;
  squares = grid(part(".grid"), fill);
  closer.ready({
    ...given,
    go: (id) => page.go(id ? `gallery/${id}` : "gallery"),
    look: (key, name) => {
      page.go("gallery");
      searchFor(`${key}:"${name}"`);
    },
    place: (id) => [found.place(id), found.total],
    choices: () => choices,
    takers: () => takers,
    mark, trash, restore, send, turn,
  });
  let typed = 0;
  part("input").oninput = () => {
    clearTimeout(typed);
    typed = setTimeout(() => search().catch(complain), 150);
  };
  part("form").onsubmit = (event) => event.preventDefault();
  part(".nothing button").onclick = () => searchFor("");
  learn().catch(complain);
}
