// A place to drop, paste or choose a picture, or several if "many" is set. The bytes of the files are sent to Python, in
// parts below the ten megabytes that a notebook server accepts in a message.

const PART = 4 * 1024 * 1024;

const PICTURES = "image/png,image/jpeg,image/webp,image/avif,image/gif";
const accepted = (model) => PICTURES + (model.get("texts") ? ",application/json,text/plain" : "");

export default {
  render({ model, el }) {
    const label = h("span", { className: "studio-label" });
    const images = h("span", { className: "studio-drop-images" });
    const words = h("span", { className: "studio-drop-words" });
    const file = h("input", { type: "file", accept: accepted(model), hidden: true });
    const choose = h("button", { type: "button", className: "studio-drop", onclick: () => file.click() }, images, words);
    const clear = button("Remove", "studio-link", () => model.send({ clear: true }));
    el.append(h("div", { className: "studio-field" }, label, choose, file, clear));

    const send = async (one) => {
      const fits = one.type.startsWith("image/") || model.get("texts");
      const bytes = fits ? one : new Blob([]); // Python shows the error
      const parts = Math.max(1, Math.ceil(bytes.size / PART));
      for (let part = 0; part < parts; part++) {
        const buffer = await bytes.slice(part * PART, (part + 1) * PART).arrayBuffer();
        model.send({ name: one.name, part, parts }, undefined, [buffer]);
      }
    };
    let sending = Promise.resolve(); // one file after another
    const take = (event, files) => {
      const chosen = [...(files ?? [])].slice(0, model.get("many") ? undefined : 1);
      if (!chosen.length) return;
      event.preventDefault();
      event.stopPropagation();
      model.send({ coming: chosen.length });
      for (const one of chosen) sending = sending.finally(() => send(one));
    };
    const over = (on) => (event) => {
      event.preventDefault();
      choose.classList.toggle("studio-over", on);
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
    return follow(model, ["label", "tip", "words", "pictures", "many", "compact"], () => {
      const pictures = model.get("pictures");
      label.textContent = model.get("label");
      label.hidden = model.get("compact");
      choose.classList.toggle("studio-slim", model.get("compact"));
      choose.title = model.get("tip");
      choose.ariaLabel = `${model.get("label")}: ${model.get("words")}`;
      words.textContent = model.get("words");
      file.multiple = model.get("many");
      clear.hidden = !pictures.length;
      clear.ariaLabel = `Remove ${model.get("label").toLowerCase()}`;
      images.hidden = !pictures.length;
      images.replaceChildren(...pictures.map(thumbnail));
    });
  },
};
