// Settings of a picture as one reads them: a list of names and values.

import { make } from "./make.js";

const NAMES = { loras: "LoRAs", seed: "Seed", count: "Pictures" };

/** A row for each value that says something; ``labels`` are a workflow's own words, ``without`` names some to leave out. */
export function rows(values, labels = {}, without = []) {
  const told = ([name, value]) => !without.includes(name) && value !== null && value !== false && String(value) !== "";
  return Object.entries(values).filter(told).flatMap(([name, value]) => row(labels[name] ?? label(name), value));
}

const label = (name) => NAMES[name] ?? name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());

const row = (name, value) => [make("dt", {}, name), make("dd", {}, ...[value].flat().flatMap((each, n) => (n ? [", ", told(each)] : [told(each)])))];

const WORDS = { true: "on", "model's own": "Auto" };

/** A value as one reads it; a picture of ours as a picture. */
function told(value) {
  const picture = /\.(png|jpg|webp|avif|gif)$/.test(value);
  return picture ? make("img", { src: `api/pictures/${value}?edge=160`, alt: value }) : (WORDS[value] ?? String(value));
}
