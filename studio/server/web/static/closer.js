// One picture of the gallery, closer: its settings, what can be done with it, what is said of it, its kin.

import { ask, here } from "./server.js";
import { make, one, refill } from "./make.js";
import { kin } from "./kin.js";
import { heart, names, note, stars } from "./marks.js";
import { rows } from "./settings.js";

const part = (selector) => one(`.closer ${selector}`);
let wires = {}; // what the gallery gives us
let entry = null; // the picture that is shown
let takers = []; // workflows that can go on with it

export const shown = () => entry;

/** Show a picture, over the grid. */
export async function open(id) {
  if (entry?.id === id) return;
  [entry, takers] = await Promise.all([ask(`gallery/${id}`), wires.takers()]);
  one(".closer").hidden = false;
  draw();
  one(".closer").scrollTo(0, 0);
  one(".closer").focus({ preventScroll: true });
}

export function close() {
  entry = null;
  one(".closer").hidden = true;
  part("figure img").removeAttribute("src");
}

/** Show what is now said of the picture, if it is the one that is shown. */
export function renew(fresh) {
  if (!entry || fresh.id !== entry.id) return;
  Object.assign(entry, fresh);
  about();
}

function draw() {
  const image = part("figure img");
  image.src = here(entry.thumbnail); // at once, and the picture itself as soon as it is there
  const { url } = entry;
  const full = make("img", { src: here(url) });
  full.decode().then(() => entry?.url === url && (image.src = here(url)), () => {});
  image.alt = entry.title;
  image.width = entry.width;
  image.height = entry.height;
  part(".kin").replaceChildren(...kin(entry, wires.go));
  about();
  turns();
}

/** Show where the picture stands among those that were found. */
export function turns() {
  if (!entry) return;
  const [n, all] = wires.place(entry.id);
  part(".at").textContent = n < 0 ? "" : `${(n + 1).toLocaleString()} of ${all.toLocaleString()}`;
  part(".earlier").disabled = n <= 0;
  part(".later").disabled = n < 0 || n + 1 >= all;
}

function about() {
  const change = (said) => wires.mark([entry.id], said);
  const look = (key) => (name) => wires.look(key, name);
  const { tag, collection } = wires.choices();
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
    ...(recipe ? [make("button", { type: "button", className: "reuse", onclick: () => wires.reuse(recipe) }, "Reuse settings")] : []),
    ...(recipe ? [quiet("Vary", () => wires.vary(recipe))] : []),
    make("a", { className: "quiet", href: here(entry.url), download: entry.name }, "Download"),
    entry.place === "trash" ? quiet("Put back", () => wires.restore([entry.id])) : quiet("Move to trash", () => wires.trash([entry.id])),
    ...(entry.picture && takers.length ? [sender()] : []),
  ];
}

/** Where the picture can go on: a form that begins with a picture. */
function sender() {
  const offered = takers.map(({ name, title }) => make("option", { value: name }, title));
  const select = make("select", { className: "quiet send", "aria-label": "Send to" }, make("option", { value: "" }, "Send to …"), ...offered);
  select.onchange = () => wires.send(takers.find(({ name }) => name === select.value), entry);
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
  const told = entry.recipe ? rows(entry.recipe.values, entry.labels, ["model", "loras", "size", "count"]) : [make("p", {}, "This file does not say how it was made.")];
  return [...told, ...facts.filter(([, value]) => value).flatMap(([label, value]) => [make("dt", {}, label), make("dd", {}, value)])];
}

/** Wire the buttons that are always there. */
export function ready(given) {
  wires = given;
  part(".back").onclick = () => wires.go("");
  part(".earlier").onclick = () => wires.turn(-1);
  part(".later").onclick = () => wires.turn(1);
}
