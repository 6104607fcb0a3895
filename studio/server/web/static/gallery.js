// The gallery: search all pictures, select some, or open one.

import * as selection from "./selection.js";
import * as viewer from "./image_viewer.js";
import * as results from "./search_results.js";
import { chips } from "./filters.js";
import { grid } from "./grid.js";
import { one, refill, say } from "./dom.js";
import { mark as put } from "./marks.js";
import { sendTo, pictureWorkflows } from "./send_to.js";
import { ask } from "./server.js";
import { drawCell } from "./grid_cell.js";

const part = (selector) => one(`.gallery ${selector}`);
const complain = (error) => say(error.message);
const text = () => part("input").value.trim();
const current = () => viewer.shown()?.id;
const many = (number) => `${number.toLocaleString()} ${number === 1 ? "picture" : "pictures"}`;

let cells = null; // the grid
let choices = { collection: [], workflow: [], model: [], lora: [], tag: [] }; // the choices of the filters
let at = 0; // the index of the cell with the keyboard focus
let page = {}; // callbacks of the page: go, reuse, vary
let scanned = -Infinity; // when the folders were scanned

/** Show the gallery or, if the URL names one, a picture. */
export async function show(id) {
  document.body.classList.toggle("looking", Boolean(id));
  if (id) return viewer.open(id).then(() => results.total || search(), lost);
  const before = viewer.shown();
  viewer.close();
  const place = before ? results.place(before.id) : -1;
  if (place >= 0) return focus(place);
  await search();
  await loadChoices();
  await scanFolders();
}

function lost(error) {
  complain(error);
  page.go("gallery");
}

/** Run the search in the box; an error is shown beside it. */
async function search({ stay = false } = {}) {
  const wrong = await results.look(text()).then((latest) => (latest ? "" : null), (error) => error.message);
  if (wrong === null) return; // the query has changed since
  part(".wrong").textContent = wrong;
  if (wrong) return;
  at = stay ? Math.min(at, results.total) : 0;
  selection.clear();
  draw();
  await cells.painted();
}

/** Load the choices of the filters. */
async function loadChoices() {
  choices = await ask("gallery/choices");
  for (const one of choices.workflow) one.title = document.getElementById(`make-${one.name}-button`)?.textContent.trim();
  filters();
}

const filters = () => refill(part(".chips"), ...chips(text(), choices, searchFor));

/** Scan the folders for changed files, at most once a minute. */
async function scanFolders() {
  if (performance.now() - scanned < 60_000) return;
  scanned = performance.now();
  const waiting = setInterval(() => idle() && search({ stay: true }), 4000); // shows the files that were read so far
  const { read, gone } = await ask("gallery/refresh", "POST").finally(() => clearInterval(waiting));
  if (read || gone) await search({ stay: true }).then(loadChoices);
}

/** Whether the grid may be redrawn without disturbing anybody. */
const idle = () => document.body.dataset.page === "gallery" && !current() && !selection.some() && scrollY < 100;

function searchFor(words) {
  part("input").value = words;
  scrollTo(0, 0);
  return search();
}

function draw() {
  part(".grid").hidden = !results.total;
  cells.size(results.total);
  part(".found").textContent = results.total ? many(results.total) : "";
  showEmptyHint();
  filters();
  selection.draw();
  viewer.turns();
}

/** Show a hint if nothing is found. */
function showEmptyHint() {
  const box = part(".nothing");
  const trash = /\bis:trash\b/.test(text());
  box.hidden = results.total > 0;
  one("h2", box).textContent = trash ? "Nothing in the trash" : text() ? "No matches" : "Your gallery is empty";
  one("p", box).textContent = trash
    ? "Pictures you move to the trash stay here and can be put back."
    : text() ? "Try fewer words, or remove a filter." : "All pictures you generate are kept here, with their settings.";
  one("button", box).hidden = !text();
}

function fill(cell, n) {
  results.need(n, (first) => cells.again(first))?.catch(complain);
  const picture = results.pictures[n];
  drawCell(cell, picture, { n, all: results.total, chosen: Boolean(picture) && selection.has(picture.id), current: n === at });
  cell.onclick = (event) => press(event, n);
  cell.onfocus = () => (at = n);
}

/** Open a picture; with Ctrl, Shift, on the tick, or while others are selected, select it. */
function press(event, n) {
  at = n;
  if (event.shiftKey) selection.extendTo(n);
  else if (event.ctrlKey || event.metaKey || selection.some() || event.target.matches(".pick")) selection.toggle(n);
  else open(n);
}

function open(n) {
  const { id } = results.pictures[n] ?? {};
  if (id) page.go(`gallery/${id}`);
}

/** Change the marks of pictures, and update them everywhere on the page. */
async function mark(ids, change) {
  const fresh = await put(ids, change);
  results.renew(fresh);
  fresh.forEach(viewer.renew);
  cells.again(ids.map(results.place));
  selection.draw();
  if (change.tags || change.collections) await loadChoices().then(() => fresh.forEach(viewer.renew));
}

/** Move pictures to the trash or back; the following ones close the gap. */
async function move(ids, action) {
  await ask(`gallery/${action}`, "POST", { pictures: ids });
  const closed = current() ? results.place(current()) : at;
  results.without(ids);
  selection.clear(ids);
  at = Math.max(0, Math.min(closed, results.total - 1));
  draw();
  if (current()) page.go(results.pictures[at] ? `gallery/${results.pictures[at].id}` : "gallery");
  else if (results.total) focus(at);
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

/** Focus cell ``n``. */
function focus(n) {
  const before = at;
  at = Math.max(0, Math.min(n, results.total - 1));
  const cell = cells.reveal(at);
  cells.again([before, at]);
  cell?.focus({ preventScroll: true });
}

function turn(by) {
  open(results.place(current()) + by);
}

const STEPS = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -cells.columns(), ArrowDown: () => cells.columns() };

/** Handle a key while the gallery is shown. */
export function key(event) {
  if (event.key === "Escape" && event.target.matches("input, textarea")) return event.target.blur(); // keeps the text
  if (event.key === "Escape") return current() ? page.go("gallery") : selection.clear();
  const action = markKey(event.key) ?? (event.target.closest("button, a, select, summary") ? null : moveKey(event.key));
  if (!action) return;
  event.preventDefault();
  Promise.resolve(action()).catch(complain);
}

/** The action of a key for the open picture, the selected ones, or the focused one. */
function markKey(name) {
  const meant = current() ? [viewer.shown()] : selection.some() ? results.pictures.filter(({ id }) => selection.has(id)) : results.pictures.slice(at, at + 1);
  const ids = meant.map(({ id }) => id);
  if (!ids.length) return null;
  if (name === "f") return () => mark(ids, { favourite: !meant.every(({ favourite }) => favourite) });
  if (/^[0-5]$/.test(name)) return () => mark(ids, { rating: Number(name) });
  return name === "Delete" ? () => (meant[0].place === "trash" ? restore : trash)(ids) : null;
}

/** The action of a navigation key. */
function moveKey(name) {
  const step = STEPS[name];
  if (current()) return step && !name.endsWith("Up") && !name.endsWith("Down") ? () => turn(step()) : null;
  if (step) return () => focus(at + step());
  const actions = { Enter: () => open(at), " ": () => selection.toggle(at), Home: () => focus(0), End: () => focus(results.total - 1), "/": () => part("input").focus() };
  return actions[name] ?? null;
}

/** Connect the gallery; ``given`` are callbacks of the page. */
export function ready(given) {
  page = given;
  const again = (numbers) => cells.again(numbers);
  const acts = Object.fromEntries(Object.entries({ mark, trash, restore }).map(([name, act]) => [name, (...some) => act(...some).catch(complain)]));
  cells = grid(part(".grid"), fill);
  selection.ready({ ...acts, again, choices: () => choices });
  viewer.ready({
    ...given, ...acts, turn, pictureWorkflows,
    go: (id) => page.go(id ? `gallery/${id}` : "gallery"),
    look: (kind, name) => {
      viewer.close();
      page.go("gallery");
      searchFor(`${kind}:"${name}"`);
    },
    place: (id) => [results.place(id), results.total],
    choices: () => choices,
    send: (target, entry) => page.reuse(sendTo(target, entry), `Added to ${target.title}.`),
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
