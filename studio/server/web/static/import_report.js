// A report on imported settings: missing files, and settings that cannot be used.

import { make, one } from "./dom.js";

const part = (selector) => one(`#import-report ${selector}`);
let pending = null;

/** Keep a recipe, to report on it when its settings are in the form. */
export const keep = (recipe) => (pending = recipe);

export const hide = () => (one("#import-report").hidden = true);

/** Show the report; false if there is none. */
export function show() {
  if (!pending) return false;
  const { tool, taken, missing, left } = pending;
  pending = null;
  one("#import-report-title").textContent = `Settings from ${tool}`;
  part(".lists").replaceChildren(
    ...list("Missing", missing.map((each) => [named(each), `${each.why}; ${each.advice}${each.kind === "model" ? ". Choose a model in the form" : ""}`])),
    ...list("Matched by name only", taken.filter((each) => !each.sure).map((each) => [named(each), `'${each.as}' is used`])),
    ...list("Left out", left.map((each) => [`${each.name} ${short(each.value)}`.trim(), each.why])),
  );
  if (!part(".lists").childElementCount) part(".lists").append(make("p", {}, "All settings were imported."));
  part("button").onclick = hide;
  one("#import-report").hidden = false;
  part("button").focus();
  return true;
}

const short = (text) => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
const KINDS = { lora: "LoRA", vae: "VAE", controlnet: "ControlNet" };
const named = ({ kind, name, hashes }) => `${KINDS[kind] ?? kind} ${name}${hashes.length ? ` (${short(hashes.join(", "))})` : ""}`;

function list(title, rows) {
  if (!rows.length) return [];
  return [make("h3", {}, title), make("ul", {}, ...rows.map(([what, why]) => make("li", {}, make("b", {}, what), ` ${why}`)))];
}
