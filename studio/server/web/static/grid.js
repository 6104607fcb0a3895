// A virtual grid: only the cells near the view exist, so that it scrolls smoothly with ten thousand pictures.

import { make } from "./dom.js";

const GAP = 10;
const WIDE = 180; // the minimum width of a cell; 60 % of it on a phone
const AHEAD = 0.75; // screens above and below the view that are drawn after the view
const FAST = 1.5; // screens a frame; when scrolling faster, the pictures are drawn later

/** A grid in ``list``. ``fill(cell, n)`` draws cell ``n`` into a new or emptied element. */
export function grid(list, fill) {
  const cells = new Map();
  let count = 0;
  let columns = 1;
  let side = WIDE;
  let ahead = 0;
  let drawing = 0;
  let above = 0; // the scroll position when the view was drawn last

  function measure() {
    const width = list.clientWidth;
    const least = innerWidth < 760 ? WIDE * 0.6 : WIDE;
    columns = Math.max(2, Math.floor((width + GAP) / (least + GAP)));
    side = (width - GAP * (columns - 1)) / columns;
    list.style.height = `${Math.max(0, Math.ceil(count / columns) * (side + GAP) - GAP)}px`;
    for (const [n, cell] of cells) place(cell, n);
  }

  function place(cell, n) {
    cell.style.width = cell.style.height = `${side}px`;
    cell.style.transform = `translate(${(n % columns) * (side + GAP)}px, ${Math.floor(n / columns) * (side + GAP)}px)`;
  }

  /** The indices of the first cell to draw and of the one after the last. */
  function range(view) {
    const screen = innerHeight;
    const row = (height) => Math.floor(height / (side + GAP));
    const from = Math.max(0, row(view - screen * ahead)) * columns;
    return [from, Math.min(count, (row(view + screen * (1 + ahead)) + 1) * columns)];
  }

  function draw() {
    drawing = 0;
    if (!list.offsetParent) return; // another page is shown
    const view = -list.getBoundingClientRect().top;
    const fast = Math.abs(view - above) > innerHeight * FAST;
    above = view;
    const [from, to] = range(view);
    for (const n of [...cells.keys()]) if (n < from || n >= to) drop(n);
    const fresh = [];
    for (let n = from; n < to; n++) if (!cells.has(n)) fresh.push(add(n, fast));
    list.append(...fresh);
    if (fast) soon();
    else for (const [n, cell] of cells) if (cell.dataset.waits) show(n);
  }

  function add(n, fast) {
    const cell = make("li", {});
    cell.dataset.waits = "1";
    cells.set(n, cell);
    place(cell, n);
    if (!fast) show(n);
    return cell;
  }

  function show(n) {
    const cell = cells.get(n);
    delete cell.dataset.waits;
    fill(cell, n);
  }

  /** Remove a cell, and cancel the loading of its picture. */
  function drop(n) {
    const cell = cells.get(n);
    cell.querySelector("img")?.removeAttribute("src");
    cell.remove();
    cells.delete(n);
  }

  const soon = () => (drawing ||= requestAnimationFrame(draw));
  addEventListener("scroll", soon, { passive: true });
  new ResizeObserver(() => {
    measure();
    soon();
  }).observe(list);

  return {
    /** Set the number of cells and redraw them all. */
    size(number) {
      count = number;
      ahead = 0;
      for (const n of [...cells.keys()]) drop(n);
      measure();
      draw();
    },
    /** Redraw the existing cells of a list, or all from an index on. */
    again(some) {
      const meant = Array.isArray(some) ? some : [...cells.keys()].filter((n) => n >= some);
      for (const n of new Set(meant)) if (cells.has(n)) show(n);
    },
    /** Resolves when every picture in view is loaded or has failed. */
    async painted() {
      await Promise.all([...cells.values()].map((cell) => cell.querySelector("img")?.decode().catch(() => {})));
      ahead = AHEAD;
      draw();
    },
    columns: () => columns,
    /** Scroll cell ``n`` into view, and return it. */
    reveal(n) {
      const top = list.getBoundingClientRect().top + Math.floor(n / columns) * (side + GAP);
      if (top < 140) scrollBy(0, top - 140);
      else if (top + side > innerHeight - 20) scrollBy(0, top + side - innerHeight + 20);
      draw();
      return cells.get(n);
    },
  };
}
