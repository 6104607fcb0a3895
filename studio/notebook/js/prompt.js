// A prompt: Ctrl+Enter generates, Esc stops. The message contains the text, because the trait may arrive later.

export default {
  render({ model, el }) {
    const label = h("span", { className: "studio-label" });
    const box = h("textarea", { className: "studio-input", spellcheck: false });
    el.append(h("label", { className: "studio-field" }, label, box));

    const grow = () => {
      box.style.height = "auto";
      box.style.height = `${box.scrollHeight + 2}px`;
    };
    box.oninput = () => {
      model.set("value", box.value);
      model.save_changes();
      grow();
    };
    box.onkeydown = (event) => {
      const action = event.key === "Escape" ? "stop" : event.key === "Enter" && (event.ctrlKey || event.metaKey) ? "generate" : "";
      if (!action) return;
      event.preventDefault();
      event.stopPropagation();
      model.send({ action, value: box.value });
    };
    requestAnimationFrame(grow);
    return follow(model, ["label", "value", "placeholder", "tip", "rows"], () => {
      label.textContent = model.get("label");
      box.placeholder = model.get("placeholder");
      box.title = model.get("tip");
      box.rows = model.get("rows");
      if (box.value !== model.get("value")) box.value = model.get("value");
      grow();
    });
  },
};
