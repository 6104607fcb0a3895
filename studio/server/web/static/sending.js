// Where a picture can go on: the workflows that begin with one.

import { ask } from "./server.js";

let known = null;

/** The workflows that begin with a picture: {name, title, input, prompted}. */
export function takers() {
  known ??= ask("workflows").then((every) => every.map(taker).filter(({ input }) => input));
  return known;
}

function taker({ name, title, schema }) {
  const takes = (spec) => [spec, ...(spec.anyOf ?? [])].some(({ format }) => format === "path");
  const input = Object.keys(schema.properties).find((each) => takes(schema.properties[each]));
  return { name, title, input, prompted: Boolean(schema.properties.prompt) };
}

/** The settings with which a workflow begins with this picture, and with its words. */
export function send({ name, input, prompted }, { picture, prompt }) {
  return { workflow: name, values: { ...(prompted && prompt ? { prompt } : {}), [input]: picture } };
}
