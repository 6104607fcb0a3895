// The mask painter in a notebook: its picture and mask are bytes, and each stroke is sent as a message.

const address = (bytes) => (bytes.byteLength ? URL.createObjectURL(new Blob([bytes])) : "");

export default {
  render({ model, el }) {
    const editor = painter(async (blob) => {
      if (blob) model.send({ name: "mask.png", part: 0, parts: 1 }, undefined, [await blob.arrayBuffer()]);
      else model.send({ clear: true });
    });
    el.append(editor.element);
    const unfollow = [
      follow(model, ["label", "tip", "empty"], () => editor.configure(model.get("label"), model.get("tip"), model.get("empty"))),
      follow(model, ["picture"], () => editor.setPicture(address(model.get("picture")))),
      follow(model, ["mask"], () => editor.restore(address(model.get("mask")))),
    ];
    return () => unfollow.forEach((stop) => stop());
  },
};
