// A new batch: choose a workflow, bring a table, say what its columns are for, start.

import { ask, base64 } from "./server.js";
import { make, one } from "./make.js";
import { sheet } from "./sheet.js";

const part = (selector) => one(`.batches .new ${selector}`);
const field = (name) => part(`[name="${name}"]`);
const TYPED = ["names", "values", "grid", "encoding"];
let table = { file: "", data: "" };
let cells = {}; // what somebody wrote into wrong cells, by row and column
let skip = false; // whether rows that are still wrong are left out
let mapping = {}; // what somebody said columns are for; the studio finds out the rest
let known = null; // the workflows, once they are read
let asked = 0; // how often it was looked at, so that a late answer does not count
let waits = null;
let empty = []; // what stands where a table can be dropped, before there is one
let go = () => {};

/** Wire the form; ``to`` goes to another part of the page. */
export function ready(to) {
  go = to;
  empty = [...part(".what").childNodes];
  field("workflow").onchange = () => again(describe());
  field("file").onchange = ({ target }) => target.files[0] && bring(target.files[0]);
  for (const name of TYPED) field(name).oninput = () => soon();
  part(".skip").onclick = () => again((skip = !skip));
  part("").onsubmit = start;
  addEventListener("paste", pasted);
  addEventListener("dragover", (event) => shown() && over(event, true));
  addEventListener("dragleave", (event) => event.relatedTarget || over(event, false));
  addEventListener("drop", dropped);
}

const shown = () => document.body.dataset.page === "batches" && !part("").hidden;

/** The form as it was left; the workflows are read at the first time. */
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
  bring(event.dataTransfer.files[0]);
}

/** Cells of a spreadsheet are text with tabs between them. */
function pasted(event) {
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (!shown() || event.target.closest?.("input, textarea") || !text.trim()) return;
  event.preventDefault();
  bring(new File([text], "Pasted table.tsv"));
}

async function bring(file) {
  table = { file: file.name, data: await base64(file) };
  [mapping, cells, skip] = [{}, {}, false];
  field("file").value = "";
  field("name").value = file.name.replace(/\.[^.]*$/, "");
  part(".what").replaceChildren(make("strong", {}, file.name), " is here. Drop or paste another to change it.");
  again();
}

/** Look anew now, or once somebody has stopped typing. */
const again = () => void look();
function soon() {
  clearTimeout(waits);
  waits = setTimeout(again, 400);
}

const lines = (name) => field(name).value.split("\n").map((line) => line.trim()).filter(Boolean);

/** What is asked for, as the server takes it. */
function wanted() {
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
  const mine = ++asked;
  part(".plan").textContent = "Checking the table …";
  part(".bar").hidden = false;
  part(".bar button").disabled = true;
  try {
    await show();
    const seen = await ask("batches/preview", "POST", wanted());
    if (mine === asked) draw(seen);
  } catch (error) {
    if (mine === asked) unread(error.message);
  }
}

/** The table cannot be read at all. */
function unread(text) {
  const said = text.replace(/^table: /, "").replace("--encoding latin-1", "latin-1 or cp1252, below");
  part(".unread").textContent = said[0].toUpperCase() + said.slice(1);
  part(".plan").textContent = "";
  for (const each of [".seen", ".bar", ".wrongs", ".skip"]) part(each).hidden = true;
  part(".settings").hidden = part(".encoding").hidden = !text.includes("--encoding");
}

function draw(seen) {
  part(".unread").textContent = "";
  for (const each of [".seen", ".settings", ".bar"]) part(each).hidden = false;
  part(".encoding").hidden = !field("encoding").value;
  sheet(part(".sheet"), seen, (column, input) => again((mapping[column] = input)), mend);
  const rest = seen.total_rows - seen.rows.length;
  part(".more").textContent = rest > 0 ? `and ${rest.toLocaleString()} more rows` : "";
  field("names").placeholder = seen.names;
  part(".example").textContent = seen.examples.length ? `For example ${seen.examples[0]}` : "Columns and inputs in braces, for example {sku}-{size}";
  wrongs(seen);
  skipping(seen);
  part(".plan").textContent = plan(seen);
  part(".bar button").disabled = seen.pictures === null;
}

function mend(row, column, text) {
  cells[row] = { ...cells[row], [column]: text };
  again();
}

const rows = (many) => (many === 1 ? "1 row" : `${many.toLocaleString()} rows`);

/** Leave out the rows that are wrong, or take them in again. */
function skipping({ wrong_rows: wrong, skipped }) {
  const button = part(".skip");
  button.hidden = !skip && !wrong;
  button.textContent = skip ? `Don't skip ${rows(skipped.length)}` : wrong === 1 ? "Skip this row" : `Skip these ${rows(wrong)}`;
}

/** What is wrong and stands at no cell. */
function wrongs({ problems, rows, columns }) {
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
  return plan ? `${many}: ${plan}.` : `${many}. How long that takes is known once a few are made.`;
}

async function start(event) {
  event.preventDefault();
  part(".bar button").disabled = true;
  try {
    const { name } = await ask("batches", "POST", { ...wanted(), name: field("name").value });
    clear();
    go(`batches/${name}`);
  } catch (error) {
    part(".plan").textContent = error.message;
    field("name").focus();
  }
  part(".bar button").disabled = false;
}

/** Ready for the next table; the workflow stays. */
function clear() {
  table = { file: "", data: "" };
  [cells, skip] = [{}, false];
  for (const name of ["name", ...TYPED]) field(name).value = "";
  for (const each of [".seen", ".settings", ".wrongs", ".skip", ".bar"]) part(each).hidden = true;
  part(".what").replaceChildren(...empty);
}
