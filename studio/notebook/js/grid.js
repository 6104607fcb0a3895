// A search box, and thousands of thumbnails, of which only those near the view are loaded.

const SIDE = 96; // pixels, at least
const GAP = 8;
const KEPT = 8; // pages on either side of the view that stay loaded
const WORDS = {
  "is:favourite": "your favourites",
  "rating:4": "four stars or more",
  "tag:print": "with this tag",
  "collection:spring": "in this collection",
  "workflow:poster": "made by this workflow",
  "model:spark": "made with this model",
  "lora:neon": "made with this LoRA",
  "seed:7": "with this seed",
  "size:landscape": "or portrait, square, 512x512",
  "date:2026-11": "made in this month, year or day",
  "is:trash": "in the trash",
};

export default {
  render({ model, el }) {
    const id = `studio-${Math.random().toString(36).slice(2)}`;
    const search = h("input", { type: "search", className: "studio-input", placeholder: "Search: star navy rating:4", ariaLabel: "Search the gallery", spellcheck: false });
    const refresh = button("Refresh", "studio-link", () => model.send({ refresh: true }));
    refresh.title = "Scan the folders for new pictures";
    const text = h("p", { className: "studio-found", role: "status" });
    const all = h("div", { className: "studio-all", role: "presentation" });
    const box = h("div", { className: "studio-grid", role: "listbox", tabIndex: 0, ariaLabel: "Pictures" }, all);
    el.append(search, help(), h("div", { className: "studio-line-of" }, text, refresh), box);

    const pages = new Map(); // number → {items, urls}; null while it is loading
    const cells = new Map(); // number → element, for those near the view
    let columns = 1;
    let side = SIDE;
    let at = 0; // the index with the keyboard focus
    let [asking, choosing, searching, drawing] = [0, 0, 0, 0];
    let shown = ""; // the search of the present pictures

    function help() {
      const put = (word) => {
        search.value = `${search.value} ${word}`.trim();
        ask();
        search.focus();
      };
      const line = ([word, what]) => h("li", {}, button(word, "studio-link", () => put(word)), ` ${what}`);
      const words = h("ul", {}, ...Object.entries(WORDS).map(line));
      const more = h("p", { textContent: 'Searches prompts, notes, tags and file names. "red circle" finds the words in that order; a dash before a word leaves it out.' });
      return h("details", { className: "studio-help" }, h("summary", { textContent: "Search help" }), words, more);
    }

    function ask() {
      clearTimeout(searching);
      model.set("query", search.value);
      model.save_changes();
    }
    search.oninput = () => {
      clearTimeout(searching);
      searching = setTimeout(ask, 250);
    };
    search.onkeydown = (event) => event.key === "Enter" && ask();

    const near = () => {
      const row = side + GAP;
      const last = (Math.ceil((box.scrollTop + box.clientHeight) / row) + 1) * columns;
      return [Math.max(0, Math.floor(box.scrollTop / row) - 1) * columns, Math.min(model.get("total"), last)];
    };

    function measure() {
      const width = box.clientWidth - 2 * GAP;
      columns = Math.max(2, Math.floor((width + GAP) / (SIDE + GAP)));
      side = (width - GAP * (columns - 1)) / columns;
      all.style.height = `${Math.ceil(model.get("total") / columns) * (side + GAP) + GAP}px`;
      cells.forEach(place);
      draw();
    }

    function draw() {
      if (!box.clientHeight) return; // not on the page
      const [from, to] = near();
      for (const [n, cell] of cells)
        if (n < from || n >= to) {
          cell.remove();
          cells.delete(n);
        }
      for (let n = from; n < to; n++) if (!cells.has(n)) add(n);
      point();
      clearTimeout(asking);
      asking = setTimeout(fetch, 60);
    }

    function add(n) {
      const cell = h("div", { className: "studio-cell", role: "option", id: `${id}-${n}`, onclick: () => choose(n, 0) });
      cell.setAttribute("aria-posinset", n + 1);
      cell.setAttribute("aria-setsize", model.get("total"));
      cells.set(n, cell);
      place(cell, n);
      fill(cell, n);
      all.append(cell);
    }

    function place(cell, n) {
      cell.style.width = cell.style.height = `${side}px`;
      cell.style.transform = `translate(${GAP + (n % columns) * (side + GAP)}px, ${GAP + Math.floor(n / columns) * (side + GAP)}px)`;
    }

    function fill(cell, n) {
      const page = pages.get(Math.floor(n / model.get("page")));
      const item = page?.items[n % model.get("page")];
      cell.ariaLabel = item?.label ?? `Picture ${n + 1}`;
      cell.title = item?.label ?? "";
      cell.ariaSelected = String(n === model.get("chosen"));
      cell.classList.toggle("studio-at", n === at);
      const url = page?.urls[n % model.get("page")];
      if (url && cell.firstChild?.src !== url) cell.replaceChildren(h("img", { alt: "", src: url }));
      cell.querySelector("span")?.remove();
      if (item?.word) cell.append(h("span", { textContent: item.word }));
    }

    /** Ask for the pages in view that are not here, and let go of those far away. */
    function fetch() {
      const [from, to] = near().map((n) => Math.floor(Math.max(0, n) / model.get("page")));
      for (const page of [...pages.keys()]) if (page < from - KEPT || page > to + KEPT) drop(page);
      for (let page = from; page <= to && page * model.get("page") < model.get("total"); page++)
        if (!pages.has(page)) {
          pages.set(page, null);
          model.send({ page, version: model.get("version") });
        }
    }

    function drop(page) {
      pages.get(page)?.urls.forEach((url) => URL.revokeObjectURL(url));
      pages.delete(page);
    }

    function take(message, buffers) {
      if (message.page === undefined || message.version !== model.get("version")) return;
      drop(message.page);
      const urls = buffers.map((bytes) => (bytes.byteLength ? URL.createObjectURL(new Blob([bytes])) : ""));
      pages.set(message.page, { items: message.items, urls });
      cells.forEach(fill);
    }

    /** Tell screen readers where the keyboard is, if that is on the page. */
    function point() {
      if (cells.has(at)) box.setAttribute("aria-activedescendant", `${id}-${at}`);
      else box.removeAttribute("aria-activedescendant");
    }

    function choose(n, wait) {
      at = n;
      point();
      cells.forEach(fill);
      clearTimeout(choosing);
      choosing = setTimeout(() => model.send({ chosen: n, version: model.get("version") }), wait);
    }

    function go(n) {
      const top = Math.floor(n / columns) * (side + GAP);
      if (top < box.scrollTop) box.scrollTop = top;
      if (top + side + 2 * GAP > box.scrollTop + box.clientHeight) box.scrollTop = top + side + 2 * GAP - box.clientHeight;
      draw();
      choose(n, 150);
    }

    box.onkeydown = (event) => {
      const screen = Math.max(1, Math.floor(box.clientHeight / (side + GAP))) * columns;
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: screen, PageUp: -screen, Home: -Infinity, End: Infinity, Enter: 0, " ": 0 }[event.key];
      if (by === undefined || !model.get("total") || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      go(Math.min(model.get("total") - 1, Math.max(0, at + by)));
    };
    box.onscroll = () => {
      cancelAnimationFrame(drawing);
      drawing = requestAnimationFrame(draw);
    };

    function reload() {
      [...pages.keys()].forEach(drop);
      cells.forEach((cell) => cell.remove());
      cells.clear();
      if (shown !== model.get("query")) [box.scrollTop, at] = [0, 0];
      shown = model.get("query");
      measure();
    }

    const frame = requestAnimationFrame(() => el.closest(".studio")?.setAttribute("data-lm-suppress-shortcuts", ""));
    const size = new ResizeObserver(measure);
    size.observe(box);
    model.on("msg:custom", take);
    const unfollow = [
      follow(model, ["version"], reload),
      follow(model, ["chosen"], () => cells.forEach(fill)),
      follow(model, ["query"], () => document.activeElement !== search && (search.value = model.get("query"))),
      follow(model, ["text", "problem"], () => {
        text.textContent = model.get("text");
        text.classList.toggle("studio-problem", model.get("problem"));
      }),
    ];
    return () => {
      cancelAnimationFrame(frame);
      size.disconnect();
      model.off("msg:custom", take);
      unfollow.forEach((stop) => stop());
      [...pages.keys()].forEach(drop);
    };
  },
};
