// The selected picture: a preview while it is generated, then the file itself. Click to enlarge.

export default {
  render({ model, el }) {
    const image = h("img", {});
    const large = h("img", {});
    const dialog = h("dialog", { className: "studio-large", onclick: () => dialog.close() }, large);
    const open = h("button", { type: "button", className: "studio-open", onclick: () => dialog.showModal() }, image);
    const empty = h("p", { className: "studio-empty" });
    const caption = h("p", { className: "studio-caption" });
    const download = h("a", { className: "studio-download", textContent: "Download" });
    const stage = h("div", { className: "studio-stage" }, open, empty, caption, download, dialog);
    el.append(stage);
    download.onclick = () => (download.href = image.src);

    return follow(model, ["picture", "alt", "caption", "empty", "file"], () => {
      const bytes = model.get("picture");
      const some = bytes.byteLength > 0;
      for (const one of [image, large]) {
        show(one, bytes);
        one.alt = model.get("alt");
      }
      open.ariaLabel = `Enlarge: ${model.get("alt")}`;
      open.hidden = !some;
      empty.hidden = some;
      empty.textContent = model.get("empty");
      caption.textContent = model.get("caption");
      download.hidden = !model.get("file");
      download.download = model.get("file");
      download.href = image.src;
    });
  },
};
