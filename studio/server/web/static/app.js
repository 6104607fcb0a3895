// The page: routing, keyboard shortcuts, dropped pictures, and the connection to Gradio's forms.

import * as activity from "./activity.js";
import * as batches from "./batches.js";
import * as importReport from "./import_report.js";
import { watchConnection } from "./connection.js";
import * as gallery from "./gallery.js";
import * as stage from "./stage.js";
import { ask, base64, reached, UNREACHABLE } from "./server.js";
import { has, one, say, toggle } from "./dom.js";

const PAGES = ["start", "activity", "batches", "gallery"];

/** Show what the URL hash names: the start page, the queue, the gallery or a picture, the batches or one of them, or a form. */
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
  else batches.leave();
  if (page === "gallery") gallery.show(which).catch(complain);
}

const go = (name) => (location.hash = name);
const complain = (error) => say(error.message);
const current = () => decodeURIComponent(location.hash.slice(1));

/** Set the text of one of Gradio's hidden boxes, as if it were typed. */
function type(id, text) {
  const box = one(`#${id} textarea, #${id} input`);
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Call ``callback`` whenever one of Gradio's hidden boxes gets a new text. */
function listen(id, callback) {
  const box = one(`#${id} textarea, #${id} input`);
  let last = box.value;
  setInterval(() => {
    if (box.value === last) return;
    last = box.value;
    if (last) callback(last);
  }, 50);
}

let restoredMessage = ""; // shown when the settings are in the form

const restoring = (on) => document.body.classList.toggle("restoring", on);
let restoreTimeout; // for a server that does not respond

/** Fill a recipe into its form; Generate is disabled until this is done. */
function reuse(recipe, message = "Settings restored.") {
  restoredMessage = message;
  restoring(true);
  clearTimeout(restoreTimeout);
  restoreTimeout = setTimeout(restoring, 20000, false);
  importReport.hide();
  if (recipe.tool) importReport.keep(recipe);
  type("recipe", JSON.stringify({ ...recipe, at: Date.now() }));
  setTimeout(() => one("#restore").click(), 30);
}

function restored(text) {
  restoring(false);
  const { problem, workflow, missing } = JSON.parse(text);
  if (problem) return say(problem);
  go(workflow);
  if (importReport.show()) return;
  say(missing.length ? `No longer available: ${missing.join(", ")}. Choose it again.` : restoredMessage);
}

/** Generate a picture with the same settings and a new seed, and watch the job. */
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

/** Show beside the button that its form could not be sent; "" hides the message. */
function showSendError(text = "") {
  const line = one(`#make-${current()} .lost`);
  if (!line) return;
  line.textContent = text;
  line.hidden = !text;
}

async function onSendFailed() {
  showSendError((await reached()) ? "The studio could not read this form. Reload the page; what you entered is kept." : UNREACHABLE);
}

/** Gradio shows no error if a form does not reach the server. */
async function checkSent() {
  showSendError((await reached()) ? "" : UNREACHABLE);
}

/** Add a style's words to the prompt above it, or remove them. */
function style(button) {
  toggle(promptOf(button), button.dataset.words);
}

const promptOf = (element) => one(".kind-prompt textarea", element.closest(".tabitem"));

/** Mark the styles whose words are in the prompt of their form. */
function markStyles({ target }) {
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
  } else if (event.key === "Escape" && isOpenList(event.target)) return;
  else if (event.key === "Escape" && !one("#keys").open) leave(event);
  else if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  else if (event.key === "?") one("#keys").showModal();
  else if (event.key === "g") go("gallery");
  else if (document.body.dataset.page === "gallery") gallery.key(event);
  else if (event.key === "c") stage.compare();
  else if (event.key === "ArrowLeft") stage.turn(-1);
  else if (event.key === "ArrowRight") stage.turn(1);
}

/** Whether an element is a drop-down whose list is open: Esc closes the list. */
const isOpenList = (element) => element.getAttribute("aria-expanded") === "true" && element.matches("input, [role=combobox]");

/** Esc stops the running job; in the gallery it goes one step back. */
function leave(event) {
  if (document.body.dataset.page === "gallery") gallery.key(event);
  else stage.stop();
}

function shade() {
  const dark = !document.body.classList.contains("dark");
  document.body.classList.toggle("dark", dark);
  localStorage.setItem("studio-shade", dark ? "dark" : "light");
}

/** Restore the settings of pictures that are dropped outside a picture field. */
function watchDrops() {
  const isSettingsDrop = (event) => document.body.dataset.page !== "batches" && event.dataTransfer?.types.includes("Files") && !event.target.closest?.(".kind-picture, .kind-pictures");
  const over = (on) => one("#drop-here").classList.toggle("up", on);
  addEventListener("dragover", (event) => {
    over(isSettingsDrop(event));
    if (isSettingsDrop(event)) event.preventDefault();
  });
  addEventListener("dragleave", (event) => event.relatedTarget || over(false));
  addEventListener("drop", (event) => {
    over(false);
    if (!isSettingsDrop(event)) return;
    event.preventDefault();
    dropped(event.dataTransfer.files[0]).catch(complain);
  });
}

/** Add the names and roles for screen readers that Gradio leaves out, and unescape help texts (see fields.py). */
function fixAccessibility() {
  for (const help of document.querySelectorAll(".info-text")) {
    if (/[\uE000-\uE07F]/.test(help.textContent)) help.textContent = help.textContent.replace(/[\uE000-\uE07F]/g, (mark) => String.fromCharCode(mark.charCodeAt(0) - 0xe000));
  }
  for (const button of document.querySelectorAll("button:not([aria-label])")) {
    if (!button.textContent.trim()) button.setAttribute("aria-label", button.title || "Choose a picture");
  }
  for (const box of document.querySelectorAll("div[aria-label]:not([role])")) box.setAttribute("role", "group");
}

/** Watch a job that a form has queued; on a phone, scroll to it. */
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
  addEventListener("click", ({ target }) => target.closest?.("#forms .generate") && checkSent());
  document.addEventListener("studio:unstarted", onSendFailed);
  addEventListener("input", markStyles);
  addEventListener("toggle", markStyles, true); // when the list of styles is opened
  addEventListener("hashchange", route);
  addEventListener("keydown", keys, true);
  watchDrops();
  const ours = ({ target }) => target.closest(".gallery, .image-viewer, .batches, .stage, .activity"); // these are complete when they are created
  new MutationObserver((changes) => changes.every(ours) || fixAccessibility()).observe(document.body, { childList: true, subtree: true });
  fixAccessibility();
  route();
  const live = await stage.reattach();
  if (live && document.body.dataset.page === "start" && !location.hash) go(live.workflow);
  await activity.refresh();
  watchConnection();
  document.body.classList.add("ready");
}

/** Gradio draws the page after it has loaded; begin when the elements we need exist. */
const NEEDED = ["#recipe textarea, #recipe input", "#restore", ".stage", ".activity", ".gallery", ".image-viewer", ".batches", ".top", ".card"];
const drawing = new MutationObserver(drawn);
function drawn() {
  if (!NEEDED.every((each) => one(each))) return;
  drawing.disconnect();
  begin().catch(complain);
}
drawing.observe(document, { childList: true, subtree: true });
drawn();
