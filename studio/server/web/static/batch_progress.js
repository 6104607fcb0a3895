// One batch: its progress, its pictures row by row, and its actions.

import { ask, ENDS, here } from "./server.js";
import { make, one, say } from "./dom.js";

const part = (selector) => one(`.batches .one ${selector}`);
const PAGE = 1000; // rows that are drawn at once
let batch = null;
let source = null; // the event stream of the open batch
let tiles = new Map(); // by the keys of their pictures
let counting = null;

/** Show a batch and follow its events. */
export async function show(name) {
  [tiles, batch] = [new Map(), null];
  part(".tiles").replaceChildren();
  part(".status").textContent = "";
  part(".tiles").className = "tiles";
  const found = await ask(`batches/${encodeURIComponent(name)}`);
  batch = found;
  draw();
  await more(0);
  listen();
}

/** Stop listening when another page is shown. */
export function leave() {
  source?.close();
  source = null;
  clearTimeout(counting);
  counting = null;
}

/** "12 of 40 made, 1 failed". */
export function counts({ made, pictures, failed, blocked, skipped }) {
  const others = [[failed + blocked, "failed"], [skipped, skipped === 1 ? "row skipped" : "rows skipped"]];
  const parts = others.filter(([many]) => many).map(([many, words]) => `, ${many.toLocaleString()} ${words}`);
  return `${made.toLocaleString()} of ${pictures.toLocaleString()} made${parts.join("")}`;
}

const path = (act = "") => `batches/${encodeURIComponent(batch.name)}${act && `/${act}`}`;
const live = () => batch.state === "running" || batch.state === "waiting";

function listen() {
  leave();
  source = new EventSource(`api/${path("events")}`);
  const handlers = { queued: showStatus, loading: showStatus, step: showStatus, rowdone: done };
  for (const [name, handle] of Object.entries(handlers)) source.addEventListener(name, ({ data }) => handle(JSON.parse(data)));
  for (const name of ENDS) source.addEventListener(name, () => over().catch(complain));
}

const complain = (error) => say(error.message);

function showStatus({ text, fraction }) {
  part(".status").textContent = text;
  if (fraction !== undefined) part("progress").value = fraction;
}

function done(row) {
  for (const tile of tiles.get(row.key) ?? []) fill(tile, row);
  batch[row.status] += 1;
  part(".stands").textContent = stands();
  counting ??= setTimeout(() => count().catch(complain), 1000);
}

/** Load the counts again, at most once a second. */
async function count() {
  counting = null;
  const { name } = batch;
  const fresh = await ask(path());
  if (batch?.name !== name || !source) return;
  batch = fresh;
  draw();
}

/** Load everything again when the batch has ended. */
async function over() {
  leave();
  const { name } = batch;
  const [fresh, { rows }] = await Promise.all([ask(path()), ask(path(`rows?most=${PAGE}`))]);
  if (batch?.name !== name) return;
  batch = fresh;
  for (const row of rows) for (const tile of tiles.get(row.key) ?? []) fill(tile, row);
  draw();
}

function draw() {
  one(".batches").classList.toggle("live", live());
  part("h1").textContent = batch.title;
  part(".stands").textContent = stands();
  if (!live()) part(".status").textContent = ended();
  part("progress").value = Math.max(live() ? part("progress").value : 0, batch.made / batch.pictures);
  part(".acts").replaceChildren(...acts());
  part(".which").replaceChildren(...which());
}

const stands = () => `${batch.workflow} · ${counts(batch)}`;

function ended() {
  if (batch.problem) return batch.problem;
  const left = batch.left === 1 ? "1 picture is" : `${batch.left.toLocaleString()} pictures are`;
  if (batch.state === "stopped") return `Stopped. ${left} left to generate; finished ones are kept.`;
  return batch.made === batch.pictures ? "Done. All pictures are finished." : "Done, except for the failed pictures. Each shows its error.";
}

function acts() {
  const act = (label, to, className = "quiet") => make("button", { type: "button", className, onclick: () => press(to) }, label);
  const link = (label, file, rest) => (batch.files[file] ? [make("a", { className: "quiet", href: here(batch.files[file]), ...rest }, label)] : []);
  return [
    ...(live() ? [act("Stop", "stop", "strong stop")] : []),
    ...(!live() && (batch.left || batch.blocked) ? [act("Resume", "go", "strong")] : []),
    ...(!live() && batch.failed ? [act("Retry failed", "retry")] : []),
    ...(live() ? [] : link("Contact sheet", "contact-sheet.html", { target: "_blank", rel: "noopener" })),
    ...(live() || !batch.made ? [] : [make("a", { className: "quiet", href: here(batch.zip), download: `${batch.name}.zip` }, "Download all (ZIP)")]),
    ...(live() ? [] : link("List as CSV", "manifest.csv", { download: `${batch.name}.csv` })),
  ];
}

async function press(act) {
  try {
    await ask(path(act), "POST");
    batch = await ask(path());
    draw();
    if (live()) listen();
  } catch (error) {
    complain(error);
  }
}

/** Chips that show all rows, or only the failed ones. */
function which() {
  const wrong = batch.failed + batch.blocked;
  const list = part(".tiles");
  if (!wrong) list.classList.remove("only-wrong");
  if (!wrong) return [];
  const chip = (label, only) => {
    const press = () => (list.classList.toggle("only-wrong", only), part(".which").replaceChildren(...which()));
    return make("button", { type: "button", className: "quiet", "aria-pressed": list.classList.contains("only-wrong") === only, onclick: press }, label);
  };
  return [chip("All rows", false), chip(`Failed (${wrong.toLocaleString()})`, true)];
}

async function more(after) {
  const { name } = batch;
  const { rows, total } = await ask(path(`rows?after=${after}&most=${PAGE}`));
  if (batch?.name !== name) return;
  part(".tiles").append(...rows.map(tile));
  const next = after + rows.length;
  part(".further").hidden = next >= total;
  part(".further").onclick = () => more(next).catch(complain);
}

function tile(row) {
  const again = make("button", { type: "button", className: "quiet redo", onclick: () => redo(row.key) }, "");
  const made = make("li", {}, make("a", { className: "face", target: "_blank", rel: "noopener" }),
    make("strong", { title: cellTexts(row) }, row.prompt || name(row)), make("span", { className: "soft about" }), make("p", {}), again);
  tiles.set(row.key, [...(tiles.get(row.key) ?? []), made]);
  [made.dataset.file, made.dataset.row] = [name(row), row.row];
  fill(made, row);
  return made;
}

const name = ({ file }) => file.replace(/\.png$/, "");

/** Generate one picture again; it gets another key and another tile. */
async function redo(key) {
  try {
    await ask(path(`rows/${key}/redo`), "POST");
    await show(batch.name);
  } catch (error) {
    complain(error);
  }
}

const cellTexts = ({ cells }) => Object.entries(cells).map(([name, cell]) => `${name}: ${cell}`).join("\n");

/** Show the state of a row. */
function fill(tile, { status, url, problem, size }) {
  const face = one(".face", tile);
  const { file, row } = tile.dataset;
  tile.className = status;
  one(".about", tile).textContent = [file, row !== "0" && `Row ${row}`, size?.join(" × ")].filter(Boolean).join(" · ");
  one(".redo", tile).textContent = status === "made" ? "Another seed" : "Try again";
  one("p", tile).textContent = problem;
  if (url && face.getAttribute("href") !== here(url)) {
    face.href = here(url);
    face.replaceChildren(make("img", { src: `${here(url)}?edge=320`, alt: file, loading: "lazy", decoding: "async" }));
  } else if (!url) {
    face.removeAttribute("href");
    face.replaceChildren(make("span", {}, status === "waiting" ? "" : "Failed"));
  }
}
