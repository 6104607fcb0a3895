// Queue and history: waiting jobs can be moved and removed, finished ones viewed or retried.

import { ask, ENDS, here } from "./server.js";
import { make, one, say } from "./dom.js";

const STATES = { failed: "Failed", cancelled: "Stopped", interrupted: "Interrupted", unreadable: "Unreadable", done: "", running: "", queued: "" };
let open = () => {};
let jobs = [];
let dragged = null; // the waiting job whose row is dragged; the list is not redrawn meanwhile

/** Read the list again and draw it. */
export async function refresh() {
  jobs = await ask("jobs?most=200");
  const live = jobs.filter((job) => !ENDS.includes(job.state));
  const count = one(".top .count");
  count.textContent = live.length;
  count.hidden = !live.length;
  if (document.body.dataset.page === "activity" && !dragged) draw(live);
}

function draw(live) {
  const waiting = live.filter((job) => job.state === "queued").sort((a, b) => a.place - b.place);
  const running = live.filter((job) => job.state === "running");
  fill(".queue", [...running.map(runningRow), ...waiting.map((job, n) => waitingRow(job, n, waiting.length))],
    "The queue is empty.");
  const wanted = one(".past input").value.toLowerCase();
  const past = jobs.filter((job) => ENDS.includes(job.state) && words(job).includes(wanted));
  fill(".history", past.map(pastCard), wanted ? "No matches." : "Nothing yet. The pictures you generate are kept here.");
}

function fill(selector, items, empty) {
  one(selector).replaceChildren(...(items.length ? items : [make("li", { className: "none" }, empty)]));
}

const words = (job) => JSON.stringify([job.title, job.seed, job.values]).toLowerCase();
const title = (job) => String(job.values.prompt || job.title);

function runningRow(job) {
  return line(job, `Running, ${job.pictures.length} of ${job.total} done`, act("Stop", job, () => ask(`jobs/${job.id}`, "DELETE")));
}

function waitingRow(job, n, all) {
  const move = (to) => () => ask(`jobs/${job.id}/move`, "POST", { to });
  const acts = [act("Remove", job, () => ask(`jobs/${job.id}`, "DELETE"))];
  if (n + 1 < all) acts.unshift(act("Move down", job, move(n + 1)));
  if (n > 0) acts.unshift(act("Move up", job, move(n - 1)));
  return draggable(line(job, n ? `Waiting, ${n} before it` : "Starts next", ...acts), job, n);
}

/** Make a row draggable to another place; the buttons do the same without a mouse. */
function draggable(row, job, n) {
  const over = (on) => () => row.classList.toggle("over", on && dragged !== null && dragged !== job);
  row.draggable = true;
  row.ondragstart = (event) => {
    dragged = job;
    event.dataTransfer.setData("text/plain", title(job));
    event.dataTransfer.effectAllowed = "move";
  };
  row.ondragend = () => (dragged = null);
  row.ondragenter = over(true);
  row.ondragleave = (event) => row.contains(event.relatedTarget) || over(false)();
  row.ondragover = (event) => dragged && event.preventDefault();
  row.ondrop = (event) => {
    if (!dragged) return;
    event.preventDefault();
    over(false)();
    ask(`jobs/${dragged.id}/move`, "POST", { to: n }).then(refresh, (error) => say(error.message));
  };
  return row;
}

function line(job, status, ...acts) {
  const look = make("button", { type: "button", className: "title", onclick: () => open(job) }, title(job));
  return make("li", {}, make("div", {}, look, make("p", {}, `${job.title} · ${job.problem || status}`)), ...acts);
}

function act(label, job, doing) {
  const press = () => doing().then(refresh, (error) => say(error.message));
  return make("button", { type: "button", className: "quiet", onclick: press, "aria-label": `${label}: ${title(job)}` }, label);
}

function pastCard(job) {
  const picture = job.pictures.find((each) => each.url);
  const face = picture
    ? make("img", { src: `${here(picture.url)}?edge=320`, alt: "", loading: "lazy" })
    : make("span", { className: "blank" }, STATES[job.state] || "Elsewhere");
  const name = make("strong", {}, title(job));
  const details = [STATES[job.state], job.problem, job.pictures.length > 1 ? `${job.pictures.length} pictures` : ""];
  const card = make("button", { type: "button", className: "card", onclick: () => open(job) }, face, name, make("span", {}, details.filter(Boolean).join(" · ") || job.title));
  const acts = ["failed", "cancelled", "interrupted"].includes(job.state)
    ? [act("Retry", job, () => ask(`jobs/${job.id}/retry`, "POST"))]
    : [];
  return make("li", {}, card, ...acts);
}

/** Connect the search; ``look`` opens a job on the stage. */
export function ready(look) {
  open = look;
  one(".past input").oninput = () => refresh();
  setInterval(() => document.body.dataset.page === "activity" && !document.hidden && refresh().catch(() => {}), 2000);
}
