// "Send to": the workflows that take a picture.

import { ask } from "./server.js";

let known = null;

/** The workflows that take a picture: {name, title, input, prompted}. */
export function pictureWorkflows() {
  known ??= ask("workflows").then((every) => every.map(describe).filter(({ input }) => input));
  return known;
}

function describe({ name, title, schema }) {
  const takes = (spec) => [spec, ...(spec.anyOf ?? [])].some(({ format }) => format === "path");
  const input = Object.keys(schema.properties).find((each) => takes(schema.properties[each]));
  return { name, title, input, prompted: Boolean(schema.properties.prompt) };
}

/** Settings for a workflow with this picture as input, and its prompt. */
export function sendTo({ name, input, prompted }, { picture, prompt }) {
  return { workflow: name, values: { ...(prompted && prompt ? { prompt } : {}), [input]: picture } };
}
