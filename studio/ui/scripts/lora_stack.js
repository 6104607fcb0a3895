// LoRAs in use, one below the other, and the shelf they are taken from, for both surfaces in the browser. Its value
// is a list of texts, NAME:WEIGHT and what else was set ("studio/prompts/lora.py"); those that are switched off are not in it.

const MOST_SHOWN = 40; // cards at once; the search finds the others
const MANY = 6; // from so many on there is a search field

const make = (tag, properties = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
};
const press = (textContent, className, onclick, more = {}) => make("button", { type: "button", textContent, className, onclick, ...more });
const without = ({ [""]: _, ...rest }) => rest;

/** What a text asks for; numbers stay as they are written, "" is left open. */
const read = (written) => {
  const [name, ...rest] = written.split(":").map((piece) => piece.trim());
  const weight = rest.length && !rest[0].includes("=") ? rest.shift() : "1";
  const { text = "", from = "", to = "", ...blocks } = without(Object.fromEntries(rest.map((piece) => piece.split("="))));
  const parted = Object.entries(blocks).map(([module, strength]) => `${module}=${strength}`);
  return { name, weight, text, from, to, blocks: parted.join(" "), on: true, finer: [text, from, to, ...parted].some(Boolean) };
};
const write = ({ name, weight, text, from, to, blocks }) => {
  const named = Object.entries({ text, from, to }).filter(([, value]) => value !== "");
  return [name, weight || "1", ...named.map(([key, value]) => `${key}=${value}`), ...blocks.split(/[\s,]+/).filter(Boolean)].join(":");
};

/**
 * A control that tells ``wishes`` what a person wants: ``changed(texts)``; ``opened()``, the shelf is looked at;
 * ``word(text)``, a trigger word was clicked; ``picture(card)`` gives the address of a card's preview, or a promise of it.
 */
export function loraStack(wishes) {
  const label = make("span", { className: "studio-label" });
  const rows = make("ul", { className: "studio-stack" });
  const search = make("input", { type: "search", className: "studio-input", placeholder: "Search", ariaLabel: "Search LoRAs" });
  const found = make("p", { className: "studio-hint", role: "status" });
  const cards = make("ul", { className: "studio-cards" });
  const summary = make("summary", {}, "Add a LoRA");
  const shelf = make("details", { className: "studio-shelf" }, summary, make("div", {}, search, found, cards));
  const element = make("div", { className: "studio-field studio-loras", role: "group" }, label, rows, shelf);

  let stack = []; // what ``read`` gives, in the order of use
  let known = []; // the cards there are
  let about = { slider: [-1, 2], empty: "", words: true };

  const card = (name) => known.find((one) => one.name === name) ?? known.find((one) => one.name.endsWith(`/${name}`));
  const title = (name) => card(name)?.title ?? name;
  const texts = () => stack.filter((row) => row.on).map(write);
  const changed = () => wishes.changed(texts());

  const thumbnail = (one) => {
    const blank = make("span", { className: "studio-thumb", textContent: one.title.slice(0, 1).toUpperCase(), "aria-hidden": "true" });
    if (!one.preview) return blank;
    const image = make("img", { className: "studio-thumb", alt: "", loading: "lazy" });
    Promise.resolve(wishes.picture(one)).then((address) => (image.src = address));
    image.onerror = () => image.replaceWith(blank);
    return image;
  };
  const chips = (words) => {
    const chip = (word) => (about.words ? press(word, "studio-chip", () => wishes.word(word), { title: "Put into the prompt, or take it out" }) : make("span", { className: "studio-chip" }, word));
    return words.length ? [make("div", { className: "studio-chips", role: "group", ariaLabel: "Trigger words" }, ...words.map(chip))] : [];
  };
  const problem = (one) => (one?.problem ? [make("p", { className: "studio-unfit" }, `Does not fit: ${one.problem}`)] : []);

  const weights = (row) => {
    const [min, max] = about.slider;
    const slider = make("input", { type: "range", min, max, step: 0.05, value: row.weight, ariaLabel: `Weight of ${title(row.name)}, slider` });
    const number = make("input", { type: "number", className: "studio-input", min: -10, max: 10, step: 0.05, value: row.weight, ariaLabel: `Weight of ${title(row.name)}` });
    const take = (from, to) => () => {
      row.weight = to.value = from.value;
      changed();
    };
    slider.oninput = take(slider, number);
    number.oninput = take(number, slider);
    return make("div", { className: "studio-weight" }, slider, number);
  };
  const more = (row) => {
    const box = (name, key, properties) => {
      const input = make("input", { className: "studio-input", value: row[key], ...properties });
      input.oninput = () => {
        row[key] = input.value.trim();
        changed();
      };
      return make("label", {}, name, input);
    };
    const share = { type: "number", min: 0, max: 1, step: 0.05 };
    const finer = make("details", { className: "studio-finer", open: row.finer },
      make("summary", {}, "Advanced"),
      make("div", {},
        box("Text encoder", "text", { type: "number", min: -10, max: 10, step: 0.05, placeholder: "the same", title: "The weight in the text encoder, where it differs" }),
        box("From", "from", { ...share, placeholder: "0", title: "At what share of the steps it begins, 0 to 1" }),
        box("Until", "to", { ...share, placeholder: "1", title: "At what share of the steps it ends, 0 to 1" }),
        box("Weights of blocks", "blocks", { type: "text", placeholder: "up_blocks.1=0 mid_block=0.5", title: "Parts of the model by name, each with a weight of its own" })));
    finer.ontoggle = () => (row.finer = finer.open);
    return finer;
  };
  const line = (row) => {
    const one = card(row.name) ?? { title: row.name, base: "", triggers: [], preview: null };
    const on = make("input", { type: "checkbox", role: "switch", checked: row.on, ariaLabel: `Use ${one.title}` });
    const item = make("li", { className: "studio-lora" },
      make("div", { className: "studio-row" },
        thumbnail(one), make("div", { className: "studio-name" }, make("strong", {}, one.title), make("span", {}, one.base)),
        on, press("Remove", "studio-link", () => remove(row), { ariaLabel: `Remove ${one.title}` })),
      ...problem(one), weights(row), ...chips(one.triggers), more(row));
    item.classList.toggle("studio-off", !row.on);
    on.onchange = () => {
      row.on = on.checked;
      item.classList.toggle("studio-off", !row.on);
      changed();
    };
    return item;
  };
  const remove = (row) => {
    stack = stack.filter((other) => other !== row);
    draw();
    changed();
    summary.focus();
  };
  const add = (one) => {
    stack = [...stack, read(`${one.name}:${one.weight}`)];
    draw();
    changed();
    found.textContent = `${one.title} was added above.`;
  };

  const offer = (one) =>
    make("li", { className: one.problem ? "studio-card studio-misfit" : "studio-card" },
      thumbnail(one),
      make("div", { className: "studio-name" }, make("strong", {}, one.title), make("span", {}, [one.base, `weight ${one.weight}`].filter(Boolean).join(" · "))),
      press("Add", "studio-add", () => add(one), { ariaLabel: `Add ${one.title}`, disabled: Boolean(one.problem) }),
      ...problem(one), ...chips(one.triggers),
      ...(one.licence.length ? [make("p", { className: "studio-claims" }, `Licence: ${one.licence.join(" or ")} (claimed)`)] : []));
  const matches = (one, words) => words.every((word) => [one.title, one.name, one.base, ...one.triggers].join(" ").toLowerCase().includes(word));
  const offers = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = known.filter((one) => matches(one, words));
    search.hidden = known.length < MANY;
    cards.replaceChildren(...fitting.slice(0, MOST_SHOWN).map(offer));
    const hidden = fitting.length - MOST_SHOWN;
    found.textContent = !known.length ? about.empty : !fitting.length ? "No matches." : hidden > 0 ? `${hidden} more; search to find them.` : "";
  };
  const draw = () => {
    rows.replaceChildren(...stack.map(line));
    rows.hidden = !stack.length;
  };

  search.oninput = offers;
  shelf.ontoggle = () => shelf.open && wishes.opened();
  draw();

  return {
    element,

    /** Its name, a tip, the ends of the slider, what is said of an empty shelf, and whether there is a prompt for words. */
    say(said) {
      about = { ...about, ...said };
      label.textContent = element.ariaLabel = about.label;
      rows.ariaLabel = `${about.label} in use`;
      label.title = about.tip;
    },

    /** The cards there are: {name, title, base, weight, triggers, licence, preview, problem}. */
    offer(some) {
      if (known.length && JSON.stringify(some) === JSON.stringify(known)) return;
      known = some;
      offers();
      draw();
    },

    /** Show these texts; what is switched off stays where they are the same as before. */
    write(given) {
      if (JSON.stringify(given) === JSON.stringify(texts())) return;
      stack = given.map(read);
      draw();
    },
  };
}
