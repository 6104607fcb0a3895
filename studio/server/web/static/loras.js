// The stack of LoRAs on the page: its value is Gradio's, {loras, model, prompt}; cards come from the API.

import { loraStack } from "./lora_stack.js";
import { say, toggle } from "./make.js";
import { ask, here } from "./server.js";

const kept = new Map(); // the cards for each model, as long as a page is drawn

/** What there is for a model; ``anew`` looks again. */
function cards(model, anew) {
  if (anew || !kept.has(model)) kept.set(model, ask(`loras?model=${encodeURIComponent(model)}`));
  return kept.get(model);
}

/** Put the stack into Gradio's ``element``; ``props`` hold its value, ``watch`` hears when the form sets it. */
export function stack(element, props, watch) {
  const shown = loraStack({
    changed: (loras) => (props.value = { ...props.value, loras }),
    opened: () => look(true),
    word: (words) => toggle([...element.closest(".tabitem").querySelectorAll(".kind-prompt textarea")][props.value.prompt], words),
    picture: (card) => card.preview && here(card.preview),
  });
  const look = async (anew = false) => {
    const model = props.value.model;
    const found = await cards(model, anew).catch((error) => say(error.message));
    if (found && model === props.value.model) shown.offer(found);
  };
  let before = null;
  const draw = () => {
    shown.say({ label: props.label, tip: props.tip, empty: props.empty, slider: props.slider, words: props.value.prompt >= 0 });
    shown.write(props.value.loras);
    if (before !== props.value.model) look();
    before = props.value.model;
  };
  element.append(shown.element);
  watch("value", draw);
  draw();
}
