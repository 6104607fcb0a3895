// The stack of LoRAs on the page; its value is {loras, model, prompt}, and the cards come from the API.

import { loraStack } from "./lora_stack.js";
import { say, toggle } from "./dom.js";
import { ask, here } from "./server.js";

const cache = new Map(); // the cards for each model

/** The cards for a model; ``reload`` requests them again. */
function cards(model, reload) {
  if (reload || !cache.has(model)) cache.set(model, ask(`loras?model=${encodeURIComponent(model)}`));
  return cache.get(model);
}

/** Draw the stack into Gradio's ``element``; ``props`` contain its value, ``watch`` calls back when it changes. */
export function stack(element, props, watch) {
  const shown = loraStack({
    changed: (loras) => (props.value = { ...props.value, loras }),
    opened: () => look(true),
    word: (words) => toggle([...element.closest(".tabitem").querySelectorAll(".kind-prompt textarea")][props.value.prompt], words),
    picture: (card) => card.preview && here(card.preview),
  });
  const look = async (reload = false) => {
    const model = props.value.model;
    const found = await cards(model, reload).catch((error) => say(error.message));
    if (found && model === props.value.model) shown.setCards(found);
  };
  let before = null;
  const draw = () => {
    shown.configure({ label: props.label, tip: props.tip, empty: props.empty, slider: props.slider, words: props.value.prompt >= 0 });
    shown.write(props.value.loras);
    if (before !== props.value.model) look();
    before = props.value.model;
  };
  element.append(shown.element);
  watch("value", draw);
  draw();
}
