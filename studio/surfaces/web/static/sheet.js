// The first rows of a table, what each column is for, and what is wrong, at the cell where it is.

import { make } from "./make.js";

/** Draw the table into ``place``; ``choose(column, input)`` hears what somebody says a column is for. */
export function sheet(place, { columns, inputs, rows, problems }, choose) {
  const at = new Map();
  for (const { row, column, reason } of problems) at.set(`${row} ${column}`, reason);
  const focused = document.activeElement?.dataset?.column;
  const head = make("tr", {}, make("th", { scope: "col" }, "Row"), ...columns.map((column) => named(column, inputs, at.get(`0 ${column.name}`), choose)));
  const body = rows.map(({ row, cells }) => line(row, cells, columns, at));
  place.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
  if (focused !== undefined) place.querySelector(`select[data-column="${CSS.escape(focused)}"]`)?.focus();
}

function named({ name, input }, inputs, wrong, choose) {
  const known = inputs.some((each) => each.name === input);
  const select = make("select", { "aria-label": `What the column ${name} is for` },
    ...(input === null ? [make("option", { value: "?", disabled: true }, "Choose …")] : []),
    make("option", { value: "" }, "Only for names"),
    ...(input && !known ? [make("option", { value: input }, input)] : []),
    ...inputs.map((each) => make("option", { value: each.name }, each.label)));
  select.value = input ?? "?";
  select.dataset.column = name;
  select.onchange = () => choose(name, select.value);
  return make("th", { scope: "col", className: wrong ? "wrong" : "" }, make("span", {}, name), select, ...said(wrong));
}

function line(row, cells, columns, at) {
  const cell = ({ name }) => {
    const wrong = at.get(`${row} ${name}`);
    return make("td", { className: wrong ? "wrong" : "" }, cells[name] ?? "", ...said(wrong));
  };
  const whole = at.get(`${row} `);
  return make("tr", {}, make("th", { scope: "row", className: whole ? "wrong" : "" }, String(row), ...said(whole)), ...columns.map(cell));
}

const said = (wrong) => (wrong ? [make("small", {}, wrong)] : []);
