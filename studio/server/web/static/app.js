// The page: which part of it is shown, the keyboard, dropped pictures, and the wires to Gradio's forms.

import * as activity from "./activity.js";
import * as batches from "./batches.js";
import * as brought from "./brought.js";
import { keepInTouch } from "./connection.js";
import * as gallery from "./gallery.js";
import * as stage from "./stage.js";
import { ask, base64, reached, UNREACHABLE } from "./server.js";
import { has, one, say, toggle } from "./make.js";

const PAGES = ["start", "activity", "batches", "gallery"];

/** Show what the address names: the start, the activity, the gallery or a picture in it, a batch or all, or a workflow's form. */
function route() {
  const [name, which] = current().split("/");
  const tab = document.getElementById(`make-${name}-button`);
  const before = document.body.dataset.page;
  const page = PAGES.includes(name) ? name : tab ? "work" : "start";
  document.body.dataset.page = page;
  tab?.click();
  if (page === "work") stage.turnTo(name);
  for (const link of document.querySelectorAll(".top nav a")) {
    if (link.dataset.page === (page === "work" ? "start" : page)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (page === "activity") activity.refresh().catch(complain);
  if (before !== page) scrollTo(0, 0);
  if (page === "batches") batches.show(which).catch(complain);
  else batches.away();
  if (page === "gallery") gallery.show(which).catch(complain);
}

const go = (name) => (location.hash = name);
const complain = (error) => say(error.message);
const current = () => decodeURIComponent(location.hash.slice(1));

/** Set a hidden box of Gradio's, as if somebody had typed. */
function type(id, text) {
  const box = one(`#${id} textarea, #${id} input`);
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Call ``hear`` whenever a hidden box of Gradio's gets a new text. */
function listen(id, hear) {
  const box = one(`#${id} textarea, #${id} input`);
  let last = box.value;
  setInterval(() => {
    if (box.value === last) return;
    last = box.value;
    if (last) hear(last);
  }, 50);
}

let toldAs = ""; // what is said once the settings are in the form

const restoring = (on) => document.body.classList.toggle("restoring", on);
let giveUp; // waiting for settings, where the server does not answer

/** Bring a recipe into the form it belongs to; nothing is generated before it is there. */
function reuse(recipe, words = "Settings restored.") {
  toldAs = words;
  restoring(true);
  clearTimeout(giveUp);
  giveUp = setTimeout(restoring, 20000, false);
  brought.hide();
  if (recipe.tool) brought.keep(recipe);
  type("recipe", JSON.stringify({ ...recipe, at: Date.now() }));
  setTimeout(() => one("#restore").click(), 30);
}

function restored(text) {
  restoring(false);
  const said = JSON.parse(text);
  if (said.problem) return say(said.problem);
  go(said.workflow);
  if (brought.show()) return;
  say(said.missing.length ? `Not here any more: ${said.missing.join(", ")}. Choose it again.` : toldAs);
}

/** Make a picture like this one with another seed, and watch it. */
async function vary({ workflow, values }) {
  const job = await ask("jobs", "POST", { workflow, values: { ...values, seed: null } });
  go(workflow);
  await started(job.id);
}

async function dropped(file) {
  restoring(true);
  try {
    reuse(await ask("recipes", "POST", { picture: await base64(file) }));
  } catch (error) {
    restoring(false);
    throw error;
  }
}

function generate() {
  const form = document.getElementById(`make-${current()}`);
  if (document.body.dataset.page === "work" && !document.body.classList.contains("restoring")) one(".generate button, button.generate", form)?.click();
}

/** Say beside the button that its form could not be sent; without words, that it can. */
function lost(words = "") {
  const line = one(`#make-${current()} .lost`);
  if (!line) return;
  line.textContent = words;
  line.hidden = !words;
}

async function unstarted() {
  lost((await reached()) ? "The studio could not read this form. Reload the page; what you wrote is kept." : UNREACHABLE);
}

/** Gradio says nothing where a form does not reach the server. */
async function sent() {
  lost((await reached()) ? "" : UNREACHABLE);
}

/** Add a style's words to the prompt above it, or take them out again. */
function style(button) {
  toggle(promptOf(button), button.dataset.words);
}

const promptOf = (element) => one(".kind-prompt textarea", element.closest(".tabitem"));

/** Show which styles are in their form's prompt. */
function pressed({ target }) {
  for (const button of target.closest(".tabitem")?.querySelectorAll(".styles button") ?? []) {
    button.setAttribute("aria-pressed", has(promptOf(button), button.dataset.words));
  }
}

function keys(event) {
  const typing = event.target.closest("input, textarea, [contenteditable]");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    event.target.dispatchEvent(new Event("change", { bubbles: true }));
    generate();
  } else if (event.key === "Escape" && open(event.target)) return;
  else if (event.key === "Escape" && !one("#keys").open) leave(event);
  else if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  else if (event.key === "?") one("#keys").showModal();
  else if (event.key === "g") go("gallery");
  else if (document.body.dataset.page === "gallery") gallery.key(event);
  else if (event.key === "c") stage.compare();
  else if (event.key === "ArrowLeft") stage.turn(-1);
  else if (event.key === "ArrowRight") stage.turn(1);
}

/** Whether an element is a box whose list of choices is open: Esc closes the list. */
const open = (element) => element.getAttribute("aria-expanded") === "true" && element.matches("input, [role=combobox]");

/** Esc stops the work; in the gallery it goes one step back. */
function leave(event) {
  if (document.body.dataset.page === "gallery") gallery.key(event);
  else stage.stop();
}

function shade() {
  const dark = !document.body.classList.contains("dark");
  document.body.classList.toggle("dark", dark);
  localStorage.setItem("studio-shade", dark ? "dark" : "light");
}

/** Pictures dropped outside a field that takes pictures bring back their settings. */
function drops() {
  const ours = (event) => document.body.dataset.page !== "batches" && event.dataTransfer?.types.includes("Files") && !event.target.closest?.(".kind-picture, .kind-pictures");
  const over = (on) => one("#drop-here").classList.toggle("up", on);
  addEventListener("dragover", (event) => {
    over(ours(event));
    if (ours(event)) event.preventDefault();
  });
  addEventListener("dragleave", (event) => event.relatedTarget || over(false));
  addEventListener("drop", (event) => {
    over(false);
    if (!ours(event)) return;
    event.preventDefault();
    dropped(event.dataTransfer.files[0]).catch(complain);
  });
}

/** What Gradio leaves without a name or a role for screen readers, and help texts as they are (see fields.py). */
function name() {
  for (const help of document.querySelectorAll(".info-text")) {
    if (/[\uE000-\uE07F]/.test(help.textContent)) help.textContent = help.textContent.replace(/[\uE000-\uE07F]/g, (mark) => String.fromCharCode(mark.charCodeAt(0) - 0xe000));
  }
  for (const button of document.querySelectorAll("button:not([aria-label])")) {
    if (!button.textContent.trim()) button.setAttribute("aria-label", button.title || "Choose a picture");
  }
  for (const box of document.querySelectorAll("div[aria-label]:not([role])")) box.setAttribute("role", "group");
}

/** A form's job is in the queue: show it, and on a phone go to where it is shown. */
async function started(id) {
  await stage.watch(id);
  if (innerWidth < 760) one(".stage").scrollIntoView();
  await activity.refresh();
}

async function begin() {
  const kept = localStorage.getItem("studio-shade");
  if (kept) document.body.classList.toggle("dark", kept === "dark");
  stage.ready(reuse);
  activity.ready((job) => {
    go(document.getElementById(`make-${job.workflow}-button`) ? job.workflow : current());
    stage.watch(job.id).catch(complain);
  });
  batches.ready(go);
  gallery.ready({ go, reuse, vary });
  listen("started", (id) => started(id).catch(complain));
  listen("restored", restored);
  document.addEventListener("studio:over", () => activity.refresh().catch(complain));
  one("#shade").onclick = shade;
  one("#ask-keys").onclick = () => one("#keys").showModal();
  for (const card of document.querySelectorAll(".card[data-workflow]")) card.onclick = () => go(card.dataset.workflow);
  addEventListener("click", ({ target }) => target.matches?.(".styles button") && style(target));
  addEventListener("click", ({ target }) => target.closest?.("#forms .generate") && sent());
  document.addEventListener("studio:unstarted", unstarted);
  addEventListener("input", pressed);
  addEventListener("toggle", pressed, true); // the list of styles is opened
  addEventListener("hashchange", route);
  addEventListener("keydown", keys, true);
  drops();
  const ours = ({ target }) => target.closest(".gallery, .closer, .batches, .stage, .activity"); // named where they are made
  new MutationObserver((changes) => changes.every(ours) || name()).observe(document.body, { childList: true, subtree: true });
  name();
  route();
  const live = await stage.reattach();
  if (live && document.body.dataset.page === "start" && !location.hash) go(live.workflow);
  await activity.refresh();
  keepInTouch();
  document.body.classList.add("ready");
}

/** Gradio draws the page after it has loaded; begin when what we need is there. */
const NEEDED = ["#recipe textarea, #recipe input", "#restore", ".stage", ".activity", ".gallery", ".closer", ".batches", ".top", ".card"];
const drawing = new MutationObserver(drawn);
function drawn() {
  if (!NEEDED.every((each) => one(each))) return;
  drawing.disconnect();
  begin().catch(complain);
}
drawing.observe(document, { childList: true, subtree: true });
drawn();
