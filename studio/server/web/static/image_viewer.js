// The detail view of a picture in the gallery: settings, actions, marks and lineage.

import { ask, here } from "./server.js";
import { make, one, refill } from "./dom.js";
import { lineage } from "./lineage.js";
import { heart, names, note, stars } from "./marks.js";
import { rows } from "./settings.js";

const part = (selector) => one(`.image-viewer ${selector}`);
let callbacks = {}; // set by the gallery
let entry = null; // the picture that is shown
let targets = []; // workflows that take a picture

export const shown = () => entry;

/** Show a picture, over the grid. */
export async function open(id) {
  if (entry?.id === id) return;
  [entry, targets] = await Promise.all([ask(`gallery/${id}`), callbacks.pictureWorkflows()]);
  one(".image-viewer").hidden = false;
  draw();
  one(".image-viewer").scrollTo(0, 0);
  one(".image-viewer").focus({ preventScroll: true });
}

export function close() {
  entry = null;
  one(".image-viewer").hidden = true;
  part("figure img").removeAttribute("src");
}

/** Update the marks of the picture, if it is the open one. */
export function renew(fresh) {
  if (!entry || fresh.id !== entry.id) return;
  Object.assign(entry, fresh);
  about();
}

function draw() {
  const image = part("figure img");
  image.src = here(entry.thumbnail); // at once, until the picture itself is loaded
  const { url } = entry;
  const full = make("img", { src: here(url) });
  full.decode().then(() => entry?.url === url && (image.src = here(url)), () => {});
  image.alt = entry.title;
  image.width = entry.width;
  image.height = entry.height;
  part(".related").replaceChildren(...lineage(entry, callbacks.go));
  about();
  turns();
}

/** Show the position of the picture in the results. */
export function turns() {
  if (!entry) return;
  const [n, all] = callbacks.place(entry.id);
  part(".at").textContent = n < 0 ? "" : `${(n + 1).toLocaleString()} of ${all.toLocaleString()}`;
  part(".earlier").disabled = n <= 0;
  part(".later").disabled = n < 0 || n + 1 >= all;
}

function about() {
  const change = (marks) => callbacks.mark([entry.id], marks);
  const look = (key) => (name) => callbacks.look(key, name);
  const { tag, collection } = callbacks.choices();
  refill(part("aside"),
    make("div", { className: "marks" }, heart(entry.favourite, (favourite) => change({ favourite })), stars(entry.rating, (rating) => change({ rating }))),
    make("div", { className: "acts" }, ...acts()),
    names("collections", "Add to a collection", entry.collections, collection, { change, look: look("collection") }),
    names("tags", "Add a tag", entry.tags, tag, { change, look: look("tag") }),
    note(entry.note, change),
    make("dl", {}, ...settings()),
  );
}

function acts() {
  const quiet = (label, onclick) => make("button", { type: "button", className: "quiet", onclick }, label);
  const { recipe } = entry;
  return [
    ...(recipe ? [make("button", { type: "button", className: "reuse", onclick: () => callbacks.reuse(recipe) }, "Reuse settings")] : []),
    ...(recipe ? [quiet("Vary", () => callbacks.vary(recipe))] : []),
    make("a", { className: "quiet", href: here(entry.url), download: entry.name }, "Download"),
    entry.place === "trash" ? quiet("Put back", () => callbacks.restore([entry.id])) : quiet("Move to trash", () => callbacks.trash([entry.id])),
    ...(entry.picture && targets.length ? [sendToMenu()] : []),
  ];
}

/** A menu of the workflows that take a picture. */
function sendToMenu() {
  const offered = targets.map(({ name, title }) => make("option", { value: name }, title));
  const select = make("select", { className: "quiet send", "aria-label": "Send to" }, make("option", { value: "" }, "Send to …"), ...offered);
  select.onchange = () => callbacks.send(targets.find(({ name }) => name === select.value), entry);
  return select;
}

function settings() {
  const used = entry.uses.map(({ kind, name, licence }) => [kind === "lora" ? "LoRA" : "Model", licence ? `${name} · ${licence}` : name]);
  const facts = [
    ["Workflow", entry.workflow_title],
    ...used,
    ["Size", `${entry.width} × ${entry.height}`],
    ["Made", entry.made ? new Date(entry.made).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "unknown"],
    ["File", entry.name],
  ];
  const values = entry.recipe ? rows(entry.recipe.values, entry.labels, ["model", "loras", "size", "count"]) : [make("p", {}, "This file does not say how it was made.")];
  return [...values, ...facts.filter(([, value]) => value).flatMap(([label, value]) => [make("dt", {}, label), make("dd", {}, value)])];
}

/** Connect the buttons that are always there. */
export function ready(given) {
  callbacks = given;
  part(".back").onclick = () => callbacks.go("");
  part(".earlier").onclick = () => callbacks.turn(-1);
  part(".later").onclick = () => callbacks.turn(1);
}
