// The results of a search in the gallery, loaded page by page while scrolling.

import { ask } from "./server.js";

const FIRST = 100; // fills most screens, and loads at once
const MORE = 500;
const AHEAD = 40; // pictures that are loaded ahead of the view

export let pictures = []; // those that are loaded, newest first
export let total = 0;

let words = "";
let next = ""; // the cursor of the next page, "" at the end
let searches = 0;
let reading = null;

/** Search; resolves to false if a later search has started meanwhile. */
export async function look(text) {
  const mine = ++searches;
  reading = null;
  const page = await ask(address(text, "", FIRST));
  if (mine !== searches) return false;
  [words, pictures, next, total] = [text, page.pictures, page.next, page.total];
  return true;
}

const address = (text, after, most) => `gallery?${new URLSearchParams({ find: text, after, most })}`;

/** Load more if picture ``n`` is missing or nearly the last; ``loaded`` gets the index of the first new picture. */
export function need(n, loaded) {
  if (n + AHEAD < pictures.length || !next || reading) return reading;
  reading = more(searches).then((from) => {
    if (from === null) return;
    reading = null;
    loaded(from);
  });
  reading.catch(() => (reading = null));
  return reading;
}

async function more(mine) {
  const page = await ask(address(words, next, MORE));
  if (mine !== searches) return null;
  const from = pictures.length;
  pictures.push(...page.pictures);
  next = page.next;
  return from;
}

/** Remove pictures from the results. */
export function without(ids) {
  const gone = new Set(ids);
  const before = pictures.length;
  pictures = pictures.filter((picture) => !gone.has(picture.id));
  total -= before - pictures.length;
}

/** Replace pictures whose marks have changed. */
export function renew(fresh) {
  const by = new Map(fresh.map((picture) => [picture.id, picture]));
  pictures.forEach((picture, n) => by.has(picture.id) && (pictures[n] = by.get(picture.id)));
}

export const place = (id) => pictures.findIndex((picture) => picture.id === id);
