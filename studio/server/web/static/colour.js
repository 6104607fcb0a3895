// A colour input: a text box and a swatch. Empty is "".

import { make } from "./dom.js";

let drawn = 0;
const pen = make("canvas").getContext("2d");

/** A colour as #rrggbb, black if the text is not a colour. */
function rgb(text) {
  pen.fillStyle = "#000000";
  pen.fillStyle = text;
  return pen.fillStyle;
}

/** Draw the input into Gradio's ``element``; ``props`` contain its value, ``watch`` calls back when it changes. */
export function colour(element, props, watch, trigger) {
  const id = `studio-colour-${++drawn}`;
  const text = make("input", { id, type: "text", placeholder: props.empty, spellcheck: false, autocomplete: "off" });
  const swatch = make("input", { type: "color", "aria-label": `${props.label}, picker` });
  const label = make("label", { htmlFor: id, className: "studio-label" }, props.label);
  const tip = make("p", { id: `${id}-tip`, className: "studio-hint", hidden: !props.tip }, props.tip ?? "");
  text.setAttribute("aria-describedby", tip.id);
  const draw = () => {
    const value = props.value ?? "";
    if (text.value.trim() !== value) text.value = value;
    swatch.value = rgb(value);
    swatch.classList.toggle("none", !value);
  };
  const take = (input) => () => {
    props.value = input.value.trim();
    draw();
    trigger("input");
    trigger("change");
  };
  text.oninput = take(text);
  swatch.oninput = take(swatch);
  element.append(make("div", { className: "studio-number studio-colour" }, label, tip, text, swatch));
  watch("value", draw);
  draw();
}
