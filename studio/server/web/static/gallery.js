// The gallery: everything that was made. Search it, choose from it, look at one closer.

import * as chosen from "./chosen.js";
import * as closer from "./closer.js";
import * as found from "./found.js";
import { chips } from "./filters.js";
import { grid } from "./grid.js";
import { one, refill, say } from "./make.js";
import { mark as put } from "./marks.js";
import { send, takers } from "./sending.js";
import { ask } from "./server.js";
import { square } from "./square.js";

const part = (selector) => one(`.gallery ${selector}`);
const complain = (error) => say(error.message);
const text = () => part("input").value.trim();
const current = () => closer.shown()?.id;
const many = (number) => `${number.toLocaleString()} ${number === 1 ? "picture" : "pictures"}`;

let squares = null; // the grid
let choices = { collection: [], workflow: [], model: [], lora: [], tag: [] }; // what the filters can offer
let at = 0; // the square that the keyboard is on
let page = {}; // what the page gives us: go, reuse, vary
let looked = -Infinity; // when the folders were looked through

/** Show the gallery or, where the address names one, a picture closer. */
export async function show(id) {
  document.body.classList.toggle("looking", Boolean(id));
  if (id) return closer.open(id).then(() => found.total || search(), lost);
  const before = closer.shown();
  closer.close();
  const place = before ? found.place(before.id) : -1;
  if (place >= 0) return focus(place);
  await search();
  await learn();
  await lookThrough();
}

function lost(error) {
  complain(error);
  page.go("gallery");
}

/** Search for what is in the box; what is wrong with it is said beside it. */
async function search({ stay = false } = {}) {
  const wrong = await found.look(text()).then((latest) => (latest ? "" : null), (error) => error.message);
  if (wrong === null) return; // somebody has typed on
  part(".wrong").textContent = wrong;
  if (wrong) return;
  at = stay ? Math.min(at, found.total) : 0;
  chosen.none();
  draw();
  await squares.painted();
}

/** Ask what there is to choose from. */
async function learn() {
  choices = await ask("gallery/choices");
  for (const one of choices.workflow) one.title = document.getElementById(`make-${one.name}-button`)?.textContent.trim();
  filters();
}

const filters = () => refill(part(".chips"), ...chips(text(), choices, searchFor));

/** Find files that came or went by other ways, now and then. */
async function lookThrough() {
  if (performance.now() - looked < 60_000) return;
  looked = performance.now();
  const waiting = setInterval(() => idle() && search({ stay: true }), 4000); // shows what was read so far
  const { read, gone } = await ask("gallery/refresh", "POST").finally(() => clearInterval(waiting));
  if (read || gone) await search({ stay: true }).then(learn);
}

/** Whether nobody is in the middle of something. */
const idle = () => document.body.dataset.page === "gallery" && !current() && !chosen.some() && scrollY < 100;

function searchFor(words) {
  part("input").value = words;
  scrollTo(0, 0);
  return search();
}

function draw() {
  part(".grid").hidden = !found.total;
  squares.size(found.total);
  part(".found").textContent = found.total ? many(found.total) : "";
  nothing();
  filters();
  chosen.draw();
  closer.turns();
}

/** Kind words where there is nothing to show. */
function nothing() {
  const box = part(".nothing");
  const trash = /\bis:trash\b/.test(text());
  box.hidden = found.total > 0;
  one("h2", box).textContent = trash ? "Nothing in the trash" : text() ? "No matches" : "Your gallery is empty";
  one("p", box).textContent = trash
    ? "Pictures you move to the trash stay here and can be put back."
    : text() ? "Try fewer words, or remove a filter." : "Every picture you make is kept here, with all of its settings.";
  one("button", box).hidden = !text();
}

function fill(cell, n) {
  found.need(n, (first) => squares.again(first))?.catch(complain);
  const picture = found.pictures[n];
  square(cell, picture, { n, all: found.total, chosen: Boolean(picture) && chosen.has(picture.id), current: n === at });
  cell.onclick = (event) => press(event, n);
  cell.onfocus = () => (at = n);
}

/** A click opens a picture; with Ctrl, Shift, on the tick, or while others are chosen, it chooses. */
function press(event, n) {
  at = n;
  if (event.shiftKey) chosen.reach(n);
  else if (event.ctrlKey || event.metaKey || chosen.some() || event.target.matches(".pick")) chosen.toggle(n);
  else open(n);
}

function open(n) {
  const { id } = found.pictures[n] ?? {};
  if (id) page.go(`gallery/${id}`);
}

/** Say something of pictures, and show it wherever they are shown. */
async function mark(ids, said) {
  const fresh = await put(ids, said);
  found.renew(fresh);
  fresh.forEach(closer.renew);
  squares.again(ids.map(found.place));
  chosen.draw();
  if (said.tags || said.collections) await learn().then(() => fresh.forEach(closer.renew));
}

/** Take pictures into the trash, or out of it; those that follow close the gap. */
async function move(ids, where) {
  await ask(`gallery/${where}`, "POST", { pictures: ids });
  const closed = current() ? found.place(current()) : at;
  found.without(ids);
  chosen.none(ids);
  at = Math.max(0, Math.min(closed, found.total - 1));
  draw();
  if (current()) page.go(found.pictures[at] ? `gallery/${found.pictures[at].id}` : "gallery");
  else if (found.total) focus(at);
}

const moved = (ids) => (ids.length === 1 ? "The picture is" : `${many(ids.length)} are`);

async function trash(ids) {
  await move(ids, "trash");
  const undo = () => ask("gallery/restore", "POST", { pictures: ids }).then(() => search({ stay: true }), complain);
  say(`${moved(ids)} in the trash.`, { label: "Undo", press: undo });
}

async function restore(ids) {
  await move(ids, "restore");
  say(`${moved(ids)} back in the gallery.`);
}

/** Go to square ``n``. */
function focus(n) {
  const before = at;
  at = Math.max(0, Math.min(n, found.total - 1));
  const cell = squares.reveal(at);
  squares.again([before, at]);
  cell?.focus({ preventScroll: true });
}

function turn(by) {
  open(found.place(current()) + by);
}

const STEPS = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -squares.columns(), ArrowDown: () => squares.columns() };

/** A key that was pressed while the gallery is shown, and not in a box. */
export function key(event) {
  if (event.key === "Escape" && event.target.matches("input, textarea")) return event.target.blur(); // what was written is kept
  if (event.key === "Escape") return current() ? page.go("gallery") : chosen.none();
  const own = marking(event.key) ?? (event.target.closest("button, a, select, summary") ? null : moving(event.key));
  if (!own) return;
  event.preventDefault();
  Promise.resolve(own()).catch(complain);
}

/** What a key says of the pictures that are meant: the one that is shown, those chosen, or the one the keyboard is on. */
function marking(name) {
  const meant = current() ? [closer.shown()] : chosen.some() ? found.pictures.filter(({ id }) => chosen.has(id)) : found.pictures.slice(at, at + 1);
  const ids = meant.map(({ id }) => id);
  if (!ids.length) return null;
  if (name === "f") return () => mark(ids, { favourite: !meant.every(({ favourite }) => favourite) });
  if (/^[0-5]$/.test(name)) return () => mark(ids, { rating: Number(name) });
  return name === "Delete" ? () => (meant[0].place === "trash" ? restore : trash)(ids) : null;
}

/** Where a key leads. */
function moving(name) {
  const step = STEPS[name];
  if (current()) return step && !name.endsWith("Up") && !name.endsWith("Down") ? () => turn(step()) : null;
  if (step) return () => focus(at + step());
  const led = { Enter: () => open(at), " ": () => chosen.toggle(at), Home: () => focus(0), End: () => focus(found.total - 1), "/": () => part("input").focus() };
  return led[name] ?? null;
}

/** Wire the gallery; ``given`` is what it needs of the page. */
export function ready(given) {
  page = given;
  const again = (numbers) => squares.again(numbers);
  const acts = Object.fromEntries(Object.entries({ mark, trash, restore }).map(([name, act]) => [name, (...some) => act(...some).catch(complain)]));
  squares = grid(part(".grid"), fill);
  chosen.ready({ ...acts, again, choices: () => choices });
  closer.ready({
    ...given, ...acts, turn, takers,
    go: (id) => page.go(id ? `gallery/${id}` : "gallery"),
    look: (kind, name) => {
      closer.close();
      page.go("gallery");
      searchFor(`${kind}:"${name}"`);
    },
    place: (id) => [found.place(id), found.total],
    choices: () => choices,
    send: (taker, entry) => page.reuse(send(taker, entry), `Added to ${taker.title}.`),
  });
  let typed = 0;
  part("input").oninput = () => {
    clearTimeout(typed);
    typed = setTimeout(search, 150);
  };
  part("form").onsubmit = (event) => event.preventDefault();
  part(".nothing button").onclick = () => searchFor("");
  document.addEventListener("studio:over", () => idle() && search({ stay: true }));
}
