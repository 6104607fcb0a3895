// Where a picture is dropped, pasted or chosen. The file's own bytes go to Python, in parts below the
// ten megabytes that a notebook server lets through at once.

const PART = 4 * 1024 * 1024;

export default {
  render({ model, el }) {
    const label = h("span", { className: "studio-label" });
    const image = h("img", { alt: "" });
    const words = h("span", { className: "studio-drop-words" });
    const file = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp", hidden: true });
    const choose = h("button", { type: "button", className: "studio-drop", onclick: () => file.click() }, image, words);
    const clear = button("Remove", "studio-link", () => model.send({ clear: true }));
    el.append(h("div", { className: "studio-field" }, label, choose, file, clear));

    const send = async (chosen) => {
      const parts = Math.max(1, Math.ceil(chosen.size / PART));
      for (let part = 0; part < parts; part++) {
        const bytes = await chosen.slice(part * PART, (part + 1) * PART).arrayBuffer();
        model.send({ name: chosen.name, part, parts }, undefined, [bytes]);
      }
    };
    const take = (event, files) => {
      const chosen = [...(files ?? [])].find((one) => one.type.startsWith("image/"));
      if (!chosen) return;
      event.preventDefault();
      event.stopPropagation();
      send(chosen);
    };
    const over = (on) => (event) => {
      if (on !== null) event.preventDefault();
      choose.classList.toggle("studio-over", Boolean(on));
    };
    choose.ondragover = over(true);
    choose.ondragleave = over(false);
    choose.ondrop = (event) => {
      over(false)(event);
      take(event, event.dataTransfer.files);
    };
    choose.onpaste = (event) => take(event, event.clipboardData.files);
    file.onchange = (event) => {
      take(event, file.files);
      file.value = "";
    };
    return follow(model, ["label", "tip", "words", "picture", "compact"], () => {
      const filled = model.get("picture").byteLength > 0;
      label.textContent = model.get("label");
      label.hidden = model.get("compact");
      choose.title = model.get("tip");
      choose.ariaLabel = `${model.get("label")}: ${model.get("words")}`;
      words.textContent = model.get("words");
      clear.hidden = !filled;
      clear.ariaLabel = `Remove ${model.get("label").toLowerCase()}`;
      show(image, model.get("picture"));
    });
  },
};
