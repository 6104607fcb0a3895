// Small ways to build and find elements. Text is always set as text, never as HTML.

export const one = (selector, from = document) => from.querySelector(selector);

/** An element with properties, attributes (names with a dash) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Replace the children of an element; a child with the same name keeps the keyboard focus. */
export function refill(element, ...children) {
  const named = (each) => each.getAttribute("aria-label") ?? each.textContent;
  const had = element.contains(document.activeElement) ? named(document.activeElement) : null;
  element.replaceChildren(...children);
  if (had === null) return;
  [...element.querySelectorAll("a, button, input, select, textarea")].find((each) => named(each) === had)?.focus({ preventScroll: true });
}

/** Whether a box contains these words between commas. */
export const has = (box, words) => `, ${box.value.trim()},`.includes(`, ${words},`);

/** Add words to the text of one of Gradio's boxes, or remove them. */
export function toggle(box, words) {
  const framed = `, ${box.value.trim()},`;
  const without = framed.replace(`, ${words},`, ",");
  box.value = (without === framed ? `${framed} ${words}` : without).replace(/^[\s,]+|[\s,]+$/g, "").replace(/[\s,]*,\s*/g, ", ");
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

let fading;

/** Show a message at the bottom of the page for a few seconds; ``act``, {label, press}, is a button beside it. */
export function say(text, act = null) {
  const toast = one("#toast");
  const down = () => {
    toast.classList.remove("up");
    one("button", toast)?.remove();
  };
  const press = () => {
    down();
    act.press();
  };
  toast.replaceChildren(text.replace(/^./, (letter) => letter.toUpperCase()), ...(act ? [make("button", { type: "button", onclick: press }, act.label)] : []));
  toast.classList.add("up");
  clearTimeout(fading);
  fading = setTimeout(down, act ? 10_000 : 6000);
}
