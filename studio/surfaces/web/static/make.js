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

/** Add words to what is written in a box of Gradio's, or take them out again. */
export function toggle(box, words) {
  const framed = `, ${box.value.trim()},`;
  const without = framed.replace(`, ${words},`, ",");
  box.value = (without === framed ? `${framed} ${words}` : without).replace(/^[\s,]+|[\s,]+$/g, "").replace(/[\s,]*,\s*/g, ", ");
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

let fading;

/** Say something at the bottom of the page for a few seconds. */
export function say(text) {
  const toast = one("#toast");
  toast.textContent = text;
  toast.classList.add("up");
  clearTimeout(fading);
  fading = setTimeout(() => toast.classList.remove("up"), 6000);
}
