// The LoRA control of the web app and the notebook: the LoRAs in use, and a list to add others from. Its value is a list of
// texts, NAME:WEIGHT with options ("studio/prompts/lora.py"); LoRAs that are switched off are not in it.

const MAX_CARDS = 40; // the search finds the others
const SEARCH_FROM = 6; // number of LoRAs from which there is a search box

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

/** Parse a text; numbers stay text, "" means not set. */
const read = (written) => {
  const [name, ...rest] = written.split(":").map((piece) => piece.trim());
  const weight = rest.length && !rest[0].includes("=") ? rest.shift() : "1";
  const { text = "", from = "", to = "", ...blocks } = without(Object.fromEntries(rest.map((piece) => piece.split("="))));
  const blockTexts = Object.entries(blocks).map(([module, strength]) => `${module}=${strength}`);
  return { name, weight, text, from, to, blocks: blockTexts.join(" "), on: true, advanced: [text, from, to, ...blockTexts].some(Boolean) };
};
const write = ({ name, weight, text, from, to, blocks }) => {
  const named = Object.entries({ text, from, to }).filter(([, value]) => value !== "");
  return [name, weight || "1", ...named.map(([key, value]) => `${key}=${value}`), ...blocks.split(/[\s,]+/).filter(Boolean)].join(":");
};

/**
 * The control. ``callbacks``: ``changed(texts)``; ``opened()``, when the list of LoRAs is opened; ``word(text)``, when a
 * trigger word is clicked; ``picture(card)``, which returns the URL of a card's preview, or a promise of it.
 */
export function loraStack(callbacks) {
  const label = make("span", { className: "studio-label" });
  const rows = make("ul", { className: "studio-stack" });
  const search = make("input", { type: "search", className: "studio-input", placeholder: "Search", ariaLabel: "Search LoRAs" });
  const found = make("p", { className: "studio-hint", role: "status" });
  const cards = make("ul", { className: "studio-cards" });
  const summary = make("summary", {}, "Add a LoRA");
  const shelf = make("details", { className: "studio-shelf" }, summary, make("div", {}, search, found, cards));
  const element = make("div", { className: "studio-field studio-loras", role: "group" }, label, rows, shelf);

  let stack = []; // parsed LoRAs in use
  let known = []; // all cards
  let about = { slider: [-1, 2], empty: "", words: true };

  const card = (name) => known.find((one) => one.name === name) ?? known.find((one) => one.name.endsWith(`/${name}`));
  const title = (name) => card(name)?.title ?? name;
  const texts = () => stack.filter((row) => row.on).map(write);
  const changed = () => callbacks.changed(texts());

  const thumbnail = (one) => {
    const blank = make("span", { className: "studio-thumb", textContent: one.title.slice(0, 1).toUpperCase(), "aria-hidden": "true" });
    if (!one.preview) return blank;
    const image = make("img", { className: "studio-thumb", alt: "", loading: "lazy" });
    Promise.resolve(callbacks.picture(one)).then((address) => (image.src = address));
    image.onerror = () => image.replaceWith(blank);
    return image;
  };
  const chips = (words) => {
    const chip = (word) => (about.words ? press(word, "studio-chip", () => callbacks.word(word), { title: "Add to the prompt, or remove" }) : make("span", { className: "studio-chip" }, word));
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
    const advanced = make("details", { className: "studio-advanced", open: row.advanced },
      make("summary", {}, "Advanced"),
      make("div", {},
        box("Text encoder", "text", { type: "number", min: -10, max: 10, step: 0.05, placeholder: "same", title: "The weight in the text encoder, if it differs" }),
        box("From", "from", { ...share, placeholder: "0", title: "Start, as a fraction of the steps, 0 to 1" }),
        box("Until", "to", { ...share, placeholder: "1", title: "End, as a fraction of the steps, 0 to 1" }),
        box("Block weights", "blocks", { type: "text", placeholder: "up_blocks.1=0 mid_block=0.5", title: "Names of modules, each with its weight" })));
    advanced.ontoggle = () => (row.advanced = advanced.open);
    return advanced;
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
    search.hidden = known.length < SEARCH_FROM;
    cards.replaceChildren(...fitting.slice(0, MAX_CARDS).map(offer));
    const hidden = fitting.length - MAX_CARDS;
    found.textContent = !known.length ? about.empty : !fitting.length ? "No matches." : hidden > 0 ? `${hidden} more; search to find them.` : "";
  };
  const draw = () => {
    rows.replaceChildren(...stack.map(line));
    rows.hidden = !stack.length;
  };

  search.oninput = offers;
  shelf.ontoggle = () => shelf.open && callbacks.opened();
  draw();

  return {
    element,

    /** Set label, tooltip, slider range, the text for no LoRAs, and whether there is a prompt for trigger words. */
    configure(options) {
      about = { ...about, ...options };
      label.textContent = element.ariaLabel = about.label;
      rows.ariaLabel = `${about.label} in use`;
      label.title = about.tip;
    },

    /** Set the cards: {name, title, base, weight, triggers, licence, preview, problem}. */
    setCards(some) {
      if (known.length && JSON.stringify(some) === JSON.stringify(known)) return;
      known = some;
      offers();
      draw();
    },

    /** Show these texts; if they have not changed, LoRAs that are switched off are kept. */
    write(given) {
      if (JSON.stringify(given) === JSON.stringify(texts())) return;
      stack = given.map(read);
      draw();
    },
  };
}
