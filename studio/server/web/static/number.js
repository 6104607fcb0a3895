// A number input; its value is a number, or "" for empty.

import { make } from "./dom.js";

let drawn = 0;

/** Draw the input into Gradio's ``element``; ``props`` contain its value, ``watch`` calls back when it changes. */
export function number(element, props, watch, trigger) {
  const id = `studio-number-${++drawn}`;
  const input = make("input", { id, type: "number", placeholder: props.empty, min: props.least ?? "", max: props.greatest ?? "", step: props.step });
  const label = make("label", { htmlFor: id, className: "studio-label" }, props.label);
  const tip = make("p", { id: `${id}-tip`, className: "studio-hint", hidden: !props.tip }, props.tip ?? "");
  input.setAttribute("aria-describedby", tip.id);
  const draw = () => {
    if (String(props.value ?? "") !== input.value && !input.validity.badInput) input.value = props.value ?? "";
  };
  input.oninput = () => {
    props.value = input.validity.badInput ? "text" : input.value === "" ? "" : Number(input.value);
    trigger("input");
    trigger("change");
  };
  element.append(make("div", { className: "studio-number" }, label, tip, input));
  watch("value", draw);
  draw();
}
