// The form for a new batch: choose a workflow, add a table, map its columns, start.

import { ask, base64 } from "./server.js";
import { make, one } from "./dom.js";
import { drawTable } from "./table_preview.js";

const part = (selector) => one(`.batches .new ${selector}`);
const field = (name) => part(`[name="${name}"]`);
const TYPED = ["names", "values", "grid", "encoding"];
let table = { file: "", data: "" };
let cells = {}; // edited cells, by row and column
let skip = false; // whether rows with errors are skipped
let mapping = {}; // inputs that were chosen for columns; the server guesses the others
let known = null; // the promise of the workflows
let requests = 0; // to ignore late responses
let timer = null;
let empty = []; // the content of the drop area before there is a table
let go = () => {};

/** Connect the form; ``to`` goes to another part of the page. */
export function ready(to) {
  go = to;
  empty = [...part(".what").childNodes];
  field("workflow").onchange = () => again(describe());
  field("file").onchange = ({ target }) => target.files[0] && useFile(target.files[0]);
  for (const name of TYPED) field(name).oninput = () => soon();
  part(".skip").onclick = () => again((skip = !skip));
  part("").onsubmit = start;
  addEventListener("paste", pasted);
  addEventListener("dragover", (event) => shown() && over(event, true));
  addEventListener("dragleave", (event) => event.relatedTarget || over(event, false));
  addEventListener("drop", dropped);
}

const shown = () => document.body.dataset.page === "batches" && !part("").hidden;

/** Show the form; the workflows are loaded the first time. */
export function show() {
  known ??= workflows().catch((error) => {
    known = null;
    throw error;
  });
  return known;
}

async function workflows() {
  const option = ({ name, title, description }) => {
    const made = make("option", { value: name }, title);
    made.dataset.about = description;
    return made;
  };
  const every = await ask("workflows");
  const select = field("workflow");
  select.replaceChildren(...every.map(option));
  select.value = (every.find(({ name }) => name === "text-to-image") ?? every[0]).name;
  describe();
}

function describe() {
  part(".about").textContent = field("workflow").selectedOptions[0]?.dataset.about ?? "";
}

function over(event, on) {
  if (on) event.preventDefault();
  part(".drop").classList.toggle("up", on);
}

function dropped(event) {
  if (!shown() || !event.dataTransfer?.files.length) return;
  over(event, true);
  over(event, false);
  useFile(event.dataTransfer.files[0]);
}

/** Use pasted spreadsheet cells, which are text separated by tabs. */
function pasted(event) {
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (!shown() || event.target.closest?.("input, textarea") || !text.trim()) return;
  event.preventDefault();
  useFile(new File([text], "Pasted table.tsv"));
}

async function useFile(file) {
  table = { file: file.name, data: await base64(file) };
  [mapping, cells, skip] = [{}, {}, false];
  field("file").value = "";
  field("name").value = file.name.replace(/\.[^.]*$/, "");
  part(".what").replaceChildren(make("strong", {}, file.name), " is loaded. Drop or paste another table to replace it.");
  again();
}

/** Check the table now, or when typing has stopped. */
const again = () => void look();
function soon() {
  clearTimeout(timer);
  timer = setTimeout(again, 400);
}

const lines = (name) => field(name).value.split("\n").map((line) => line.trim()).filter(Boolean);

/** The body of the request. */
function body() {
  const values = lines("values").map((line) => line.split("="));
  return {
    workflow: field("workflow").value,
    table: table.data,
    file: table.file,
    mapping,
    cells,
    skip_wrong: skip,
    names: field("names").value.trim(),
    values: Object.fromEntries(values.map(([name, ...value]) => [name.trim(), value.join("=").trim()])),
    grid: lines("grid"),
    encoding: field("encoding").value.trim(),
  };
}

async function look() {
  if (!table.data) return;
  const mine = ++requests;
  part(".plan").textContent = "Checking the table …";
  part(".bar").hidden = false;
  part(".bar button").disabled = true;
  try {
    await show();
    const seen = await ask("batches/preview", "POST", body());
    if (mine === requests) draw(seen);
  } catch (error) {
    if (mine === requests) showUnreadable(error.message);
  }
}

/** Show that the table cannot be read. */
function showUnreadable(text) {
  const message = text.replace(/^table: /, "").replace("--encoding latin-1", "latin-1 or cp1252, below");
  part(".unread").textContent = message[0].toUpperCase() + message.slice(1);
  part(".plan").textContent = "";
  for (const each of [".seen", ".bar", ".wrongs", ".skip"]) part(each).hidden = true;
  part(".settings").hidden = part(".encoding").hidden = !text.includes("--encoding");
}

function draw(seen) {
  part(".unread").textContent = "";
  for (const each of [".seen", ".settings", ".bar"]) part(each).hidden = false;
  part(".encoding").hidden = !field("encoding").value;
  drawTable(part(".sheet"), seen, (column, input) => again((mapping[column] = input)), editCell);
  const rest = seen.total_rows - seen.rows.length;
  part(".more").textContent = rest > 0 ? `and ${rest.toLocaleString()} more rows` : "";
  field("names").placeholder = seen.names;
  part(".example").textContent = seen.examples.length ? `For example ${seen.examples[0]}` : "Columns and inputs in braces, for example {sku}-{size}";
  showProblems(seen);
  showSkip(seen);
  part(".plan").textContent = plan(seen);
  part(".bar button").disabled = seen.pictures === null;
}

function editCell(row, column, text) {
  cells[row] = { ...cells[row], [column]: text };
  again();
}

const rows = (many) => (many === 1 ? "1 row" : `${many.toLocaleString()} rows`);

/** Offer to skip the rows with errors, or to include them again. */
function showSkip({ wrong_rows: wrong, skipped }) {
  const button = part(".skip");
  button.hidden = !skip && !wrong;
  button.textContent = skip ? `Don't skip ${rows(skipped.length)}` : wrong === 1 ? "Skip this row" : `Skip these ${rows(wrong)}`;
}

/** List the problems that belong to no cell. */
function showProblems({ problems, rows, columns }) {
  const drawn = new Set(rows.map(({ row }) => row)).add(0);
  const known = new Set(columns.map(({ name }) => name));
  const others = problems.filter(({ row, column }) => !drawn.has(row) || (row === 0 && !known.has(column)));
  const line = ({ row, column, reason }) => make("li", {}, [row && `Row ${row}`, column, reason].filter(Boolean).join(": "));
  part(".wrongs").replaceChildren(...others.slice(0, 20).map(line));
  part(".wrongs").hidden = !others.length;
}

function plan({ pictures, plan, total_problems: wrong, skipped }) {
  if (pictures === null) return `Fix ${wrong === 1 ? "1 problem" : `${wrong.toLocaleString()} problems`} to start.`;
  const left = skipped.length ? `, ${rows(skipped.length)} skipped` : "";
  const many = `${pictures === 1 ? "1 picture" : `${pictures.toLocaleString()} pictures`}${left}`;
  return plan ? `${many}: ${plan}.` : `${many}. The time is known after the first pictures.`;
}

async function start(event) {
  event.preventDefault();
  part(".bar button").disabled = true;
  try {
    const { name } = await ask("batches", "POST", { ...body(), name: field("name").value });
    clear();
    go(`batches/${name}`);
  } catch (error) {
    part(".plan").textContent = error.message;
    field("name").focus();
  }
  part(".bar button").disabled = false;
}

/** Reset the form, except for the workflow. */
function clear() {
  table = { file: "", data: "" };
  [cells, skip] = [{}, false];
  for (const name of ["name", ...TYPED]) field(name).value = "";
  for (const each of [".seen", ".settings", ".wrongs", ".skip", ".bar"]) part(each).hidden = true;
  part(".what").replaceChildren(...empty);
}
