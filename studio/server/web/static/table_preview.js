// A preview of a table: the first rows, the inputs of the columns, and the problems of cells.

import { make } from "./dom.js";

/**
 * Draw the table into ``place``. ``choose(column, input)`` is called when an input is chosen for a column, and
 * ``editCell(row, column, text)`` when a wrong cell is edited.
 */
export function drawTable(place, { columns, inputs, rows, problems, skipped }, choose, editCell) {
  const at = new Map(skipped.map(({ row, reason }) => [`${row} `, `Skipped. ${reason}`]));
  for (const { row, column, reason } of problems) at.set(`${row} ${column}`, reason);
  const { dataset, value } = document.activeElement ?? {};
  const head = make("tr", {}, make("th", { scope: "col" }, "Row"), ...columns.map((column) => named(column, inputs, at.get(`0 ${column.name}`), choose)));
  const body = rows.map(({ row, cells }) => line(row, cells, columns, at, editCell));
  place.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
  if (dataset?.column !== undefined) place.querySelector(`select[data-column="${CSS.escape(dataset.column)}"]`)?.focus();
  const typed = dataset?.cell && place.querySelector(`input[data-cell="${CSS.escape(dataset.cell)}"]`);
  if (typed) {
    typed.value = value;
    typed.focus();
  }
}

function named({ name, input }, inputs, wrong, choose) {
  const known = inputs.some((each) => each.name === input);
  const select = make("select", { "aria-label": `Input for column ${name}` },
    ...(input === null ? [make("option", { value: "?", disabled: true }, "Choose …")] : []),
    make("option", { value: "" }, "Don't use (file names only)"),
    ...(input && !known ? [make("option", { value: input }, input)] : []),
    ...inputs.map((each) => make("option", { value: each.name }, each.label)));
  select.value = input ?? "?";
  select.dataset.column = name;
  select.onchange = () => choose(name, select.value);
  return make("th", { scope: "col", className: wrong ? "wrong" : "" }, make("span", {}, name), select, ...problemText(wrong));
}

function line(row, cells, columns, at, editCell) {
  const cell = ({ name }) => {
    const wrong = at.get(`${row} ${name}`);
    return make("td", { className: wrong ? "wrong" : "" }, wrong ? box(row, name, cells[name] ?? "", editCell) : (cells[name] ?? ""), ...problemText(wrong));
  };
  const whole = at.get(`${row} `);
  return make("tr", {}, make("th", { scope: "row", className: whole ? "wrong" : "" }, String(row), ...problemText(whole)), ...columns.map(cell));
}

function box(row, name, value, editCell) {
  const input = make("input", { value, spellcheck: false, autocomplete: "off", "aria-label": `${name} in row ${row}` });
  input.dataset.cell = `${row} ${name}`;
  input.onchange = () => editCell(row, name, input.value);
  return input;
}

const problemText = (wrong) => (wrong ? [make("small", {}, wrong)] : []);
