// The stage: the running job, its pictures, and the settings of the picture that is shown.

import { ask, ENDS, follow, here } from "./server.js";
import { make, one } from "./dom.js";
import { rows } from "./settings.js";

const part = (selector) => one(`.stage ${selector}`);

let job = null; // the watched job
let shown = -1; // the index of the picture that is shown
let leave = () => {};
const WATCHED = "studio-job"; // the key in the tab's session storage

/** Watch a job: show its pictures and, if it is not over, follow its events. */
export async function watch(id) {
  leave();
  job = await ask(`jobs/${id}`);
  sessionStorage.setItem(WATCHED, id);
  shown = job.pictures.length - 1;
  draw();
  if (!ENDS.includes(job.state)) leave = follow(id, onEvent);
  else settle(job.problem);
}

/** Watch the job that this tab watched before a reload, else the running one, or a waiting one. Returns the live job. */
export async function reattach() {
  const jobs = await ask("jobs?most=50");
  const live = jobs.find((each) => each.state === "running") ?? jobs.findLast((each) => each.state === "queued");
  const mine = jobs.find((each) => each.id === sessionStorage.getItem(WATCHED)) ?? live;
  if (mine) await watch(mine.id);
  return live ?? null;
}

/** Hide the outcome of an earlier job when the form of another workflow is shown. */
export function turnTo(workflow) {
  if (job && job.workflow !== workflow && ENDS.includes(job.state)) part(".at-work").hidden = true;
}

export const isRunning = () => Boolean(job) && !part(".at-work").hidden;
export const stop = () => isRunning() && ask(`jobs/${job.id}`, "DELETE");
export const recipe = () => job && { workflow: job.workflow, values: { ...job.values, seed: seed(), count: 1 } };
const seed = () => (job.seed + Math.max(shown, 0)) % 2 ** 32;

function onEvent(name, data) {
  if (data.text) part(".status").textContent = data.text;
  if (name === "step") part("progress").value = (data.picture - 1 + data.step / data.steps) / data.pictures;
  else if (name === "queued" || name === "loading") part("progress").removeAttribute("value");
  if (name === "preview") preview(`data:image/jpeg;base64,${data.jpeg}`, data.picture);
  if (name === "made") add(data.picture);
  if (ENDS.includes(name)) settle(name === "failed" ? data.problem : "", data.text);
}

function add(picture) {
  if (!job.pictures.some((each) => each.id === picture.id)) job.pictures.push(picture);
  show(job.pictures.length - 1);
}

function preview(address, number) {
  state("live");
  compare(false);
  part(".shown").src = address;
  part(".shown").alt = `Picture ${number}, not finished yet`;
}

/** The job is over: hide the line at the top, or show why it ended. */
async function settle(problem, text = "") {
  const id = job.id;
  part(".at-work").hidden = true;
  const fresh = await ask(`jobs/${id}`); // with the pictures that were missed
  if (job.id !== id) return;
  job = fresh;
  if (job.pictures.length) show(Math.min(Math.max(shown, 0), job.pictures.length - 1));
  else state("empty"); // without the preview of an unfinished picture
  if (problem || (text && text !== "Done")) {
    part(".at-work").hidden = false;
    part(".at-work").dataset.over = problem ? "failed" : "stopped";
    part(".status").textContent = problem || `${text}. ${kept()}`;
  }
  document.dispatchEvent(new Event("studio:over"));
}

const kept = () => (job.pictures.length ? `${job.pictures.length} of ${job.total} pictures were finished and are kept.` : "");

function draw() {
  const line = part(".at-work");
  line.hidden = ENDS.includes(job.state);
  delete line.dataset.over;
  part("progress").removeAttribute("value");
  part(".status").textContent = "Getting ready";
  state(job.pictures.length ? "done" : line.hidden ? "empty" : "live");
  if (!job.pictures.length) part(".shown").removeAttribute("src");
  compare(false);
  show(shown);
}

function state(name) {
  part("").dataset.state = name;
}

/** Show one of the job's pictures, with its settings. */
export function show(number) {
  if (!job) return;
  part(".strip").replaceChildren(...job.pictures.map(thumbnail));
  if (number < 0 || number >= job.pictures.length) return strip();
  shown = number;
  const picture = job.pictures[shown];
  state("done");
  compare(false);
  part(".shown").src = here(picture.url);
  part(".shown").alt = String(job.values.prompt || picture.name);
  part(".download").href = here(picture.url);
  part(".download").download = picture.name;
  settings();
  strip();
}

export const turn = (by) => job?.pictures.length && show((shown + by + job.pictures.length) % job.pictures.length);

function strip() {
  [...part(".strip").children].forEach((item, n) => item.firstChild.setAttribute("aria-current", n === shown));
  part(".strip").hidden = job.pictures.length < 2;
}

function thumbnail(picture, number) {
  const image = make("img", { src: `${here(picture.url)}?edge=160`, alt: `Picture ${number + 1}`, loading: "lazy" });
  return make("li", {}, make("button", { type: "button", onclick: () => show(number) }, image));
}

function settings() {
  part("dl").replaceChildren(...rows({ ...job.values, seed: seed() }, job.labels));
  part(".compare").hidden = !before();
}

/** The picture to compare with: the start picture, or the previous one. */
function before() {
  if (typeof job.values.image === "string") return `api/pictures/${job.values.image}`;
  return job.pictures.length > 1 ? here(job.pictures[(shown || job.pictures.length) - 1].url) : null;
}

/** Show or hide the slider between before and after. */
export function compare(on = part(".divide").hidden) {
  const usable = on && job && before();
  part(".before").hidden = part(".divide").hidden = !usable;
  part(".compare").setAttribute("aria-pressed", Boolean(usable));
  if (!usable) return;
  part(".before").src = before();
  part(".before").alt = "Before";
  divide();
}

function divide() {
  part(".canvas").style.setProperty("--divide", `${part(".divide").value}%`);
}

/** Connect the stage's buttons; ``reuse`` fills a recipe into its form. */
export function ready(reuse) {
  part(".stop").onclick = stop;
  part(".reuse").onclick = () => reuse(recipe());
  part(".compare").onclick = () => compare();
  part(".divide").oninput = divide;
}
