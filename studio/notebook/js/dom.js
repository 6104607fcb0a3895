// Put before the script of every widget: creates elements, shows bytes, follows changes of traits.

const h = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

const button = (text, className, onclick) => h("button", { type: "button", className, textContent: text, onclick });

const show = (image, bytes) => {
  const old = image.src;
  image.hidden = !bytes?.byteLength;
  if (image.hidden) image.removeAttribute("src");
  else image.src = URL.createObjectURL(new Blob([bytes]));
  if (old.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(old), 1000);
};

const thumbnail = (bytes) => {
  const image = h("img", { alt: "", loading: "lazy" });
  show(image, bytes);
  image.onload = () => URL.revokeObjectURL(image.src);
  return image;
};

const follow = (model, names, update) => {
  names.forEach((name) => model.on(`change:${name}`, update));
  update();
  return () => names.forEach((name) => model.off(`change:${name}`, update));
};
