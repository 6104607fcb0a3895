// The mask painter on the page; its value is {picture, mask}, both URLs.

import { painter } from "./painter.js";
import { base64 } from "./server.js";

/** Draw the editor into Gradio's ``element``; ``props`` contain its value, ``watch`` calls back when it changes. */
export function edit(element, props, watch) {
  const editor = painter(async (blob) => (props.value = { ...props.value, mask: blob ? await base64(blob) : "" }));
  const draw = async () => {
    editor.setPicture(props.value.picture);
    await editor.restore(props.value.mask);
  };
  editor.configure(props.label, "", "Choose a picture first, then paint over what should change.");
  element.append(editor.element);
  watch("value", draw);
  draw();
}
