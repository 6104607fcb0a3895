// The painter on the page: its value is Gradio's, {picture, mask} as addresses.

import { painter } from "./painter.js";
import { base64 } from "./server.js";

/** Put the editor into Gradio's ``element``; ``props`` hold its value, ``watch`` hears when the form sets it. */
export function edit(element, props, watch) {
  const editor = painter(async (blob) => (props.value = { ...props.value, mask: blob ? await base64(blob) : "" }));
  const draw = async () => {
    editor.over(props.value.picture);
    await editor.restore(props.value.mask);
  };
  editor.say(props.label, "", "Give a picture first, then paint over what should change.");
  element.append(editor.element);
  watch("value", draw);
  draw();
}
