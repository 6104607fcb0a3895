// What another program's picture brought: files that are not here, and settings that found no place.

import { make, one } from "./make.js";

const part = (selector) => one(`#brought ${selector}`);
let kept = null;

/** Show this once its settings are in the form. */
export const keep = (recipe) => (kept = recipe);

export const hide = () => (one("#brought").hidden = true);

/** Show what was kept; false where nothing was. */
export function show() {
  if (!kept) return false;
  const { tool, taken, missing, left } = kept;
  kept = null;
  one("#brought-title").textContent = `These are the settings of ${tool}`;
  part(".lists").replaceChildren(
    ...list("Not here", missing.map((each) => [named(each), `${each.why}; ${each.advice}${each.kind === "model" ? ". Choose a model in the form" : ""}`])),
    ...list("Matched by name only", taken.filter((each) => !each.sure).map((each) => [named(each), `'${each.as}' is used`])),
    ...list("Left out", left.map((each) => [`${each.name} ${short(each.value)}`.trim(), each.why])),
  );
  if (!part(".lists").childElementCount) part(".lists").append(make("p", {}, "Everything was carried over."));
  part("button").onclick = hide;
  one("#brought").hidden = false;
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
