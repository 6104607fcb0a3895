// What the gallery found for a search: read piece by piece, as far as somebody looks.

import { ask } from "./server.js";

const FIRST = 100; // fills most screens, and comes at once
const MORE = 500;
const AHEAD = 40; // it is read that far ahead of what is looked at

export let pictures = []; // those that were read, newest first
export let total = 0;

let words = "";
let next = ""; // what to give for more, "" at the end
let searches = 0;
let reading = null;

/** Search anew; resolves to whether this is still the latest search. */
export async function look(text) {
  const mine = ++searches;
  reading = null;
  const page = await ask(address(text, "", FIRST));
  if (mine !== searches) return false;
  [words, pictures, next, total] = [text, page.pictures, page.next, page.total];
  return true;
}

const address = (text, after, most) => `gallery?${new URLSearchParams({ find: text, after, most })}`;

/** Read on where picture ``n`` is not here, or nearly the last; ``came`` hears of each piece by the number of its first. */
export function need(n, came) {
  if (n + AHEAD < pictures.length || !next || reading) return reading;
  reading = more(searches).then((from) => {
    if (from === null) return;
    reading = null;
    came(from);
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

/** Take pictures out of what was found. */
export function without(ids) {
  const gone = new Set(ids);
  const before = pictures.length;
  pictures = pictures.filter((picture) => !gone.has(picture.id));
  total -= before - pictures.length;
}

/** Put what is now said of pictures in place of what was. */
export function renew(fresh) {
  const by = new Map(fresh.map((picture) => [picture.id, picture]));
  pictures.forEach((picture, n) => by.has(picture.id) && (pictures[n] = by.get(picture.id)));
}

export const place = (id) => pictures.findIndex((picture) => picture.id === id);
