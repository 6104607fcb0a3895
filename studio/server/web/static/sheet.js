// The first rows of a table, what each column is for, and what is wrong, at the cell where it is.

import { make } from "./make.js";

/**
 * Draw the table into ``place``. ``choose(column, input)`` hears what somebody says a column is for, and
 * ``mend(row, column, text)`` what a wrong cell shall say.
 */
export function sheet(place, { columns, inputs, rows, problems, skipped }, choose, mend) {
  const at = new Map(skipped.map(({ row, reason }) => [`${row} `, `Skipped. ${reason}`]));
  for (const { row, column, reason } of problems) at.set(`${row} ${column}`, reason);
  const { dataset, value } = document.activeElement ?? {};
  const head = make("tr", {}, make("th", { scope: "col" }, "Row"), ...columns.map((column) => named(column, inputs, at.get(`0 ${column.name}`), choose)));
  const body = rows.map(({ row, cells }) => line(row, cells, columns, at, mend));
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
  const select = make("select", { "aria-label": `What the column ${name} is for` },
    ...(input === null ? [make("option", { value: "?", disabled: true }, "Choose …")] : []),
    make("option", { value: "" }, "Don't use (file names only)"),
    ...(input && !known ? [make("option", { value: input }, input)] : []),
    ...inputs.map((each) => make("option", { value: each.name }, each.label)));
  select.value = input ?? "?";
  select.dataset.column = name;
  select.onchange = () => choose(name, select.value);
  return make("th", { scope: "col", className: wrong ? "wrong" : "" }, make("span", {}, name), select, ...said(wrong));
}

function line(row, cells, columns, at, mend) {
  const cell = ({ name }) => {
    const wrong = at.get(`${row} ${name}`);
    return make("td", { className: wrong ? "wrong" : "" }, wrong ? box(row, name, cells[name] ?? "", mend) : (cells[name] ?? ""), ...said(wrong));
  };
  const whole = at.get(`${row} `);
  return make("tr", {}, make("th", { scope: "row", className: whole ? "wrong" : "" }, String(row), ...said(whole)), ...columns.map(cell));
}

function box(row, name, value, mend) {
  const input = make("input", { value, spellcheck: false, autocomplete: "off", "aria-label": `${name} in row ${row}` });
  input.dataset.cell = `${row} ${name}`;
  input.onchange = () => mend(row, name, input.value);
  return input;
}

const said = (wrong) => (wrong ? [make("small", {}, wrong)] : []);
