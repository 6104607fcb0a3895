// The settings of a picture as a list of labels and values.

import { make } from "./dom.js";

const NAMES = { loras: "LoRAs", seed: "Seed", count: "Pictures" };

/** A row for each value that is set; ``labels`` are those of the workflow, ``without`` are names to leave out. */
export function rows(values, labels = {}, without = []) {
  const isShown = ([name, value]) => !without.includes(name) && value !== null && value !== false && String(value) !== "";
  return Object.entries(values).filter(isShown).flatMap(([name, value]) => row(labels[name] ?? label(name), value));
}

const label = (name) => NAMES[name] ?? name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());

const row = (name, value) => [make("dt", {}, name), make("dd", {}, ...[value].flat().flatMap((each, n) => (n ? [", ", readable(each)] : [readable(each)])))];

const WORDS = { true: "on", "model's own": "Auto" };

/** A value as text; a picture as an image. */
function readable(value) {
  const picture = /\.(png|jpg|webp|avif|gif)$/.test(value);
  return picture ? make("img", { src: `api/pictures/${value}?edge=160`, alt: value }) : (WORDS[value] ?? String(value));
}
