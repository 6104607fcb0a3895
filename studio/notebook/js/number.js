// A number, with a slider if it has both bounds. Empty is null: automatic, or random for a seed.

export default {
  render({ model, el }) {
    const label = h("span", { className: "studio-label" });
    const number = h("input", { type: "number", className: "studio-input" });
    const slider = h("input", { type: "range", tabIndex: 0 });
    const row = h("span", { className: "studio-number" }, slider, number);
    el.append(h("div", { className: "studio-field" }, label, row));

    const take = (text) => {
      const value = text === "" ? null : Number(text);
      number.value = text;
      if (value !== null) slider.value = value;
      model.set("value", value);
      model.save_changes();
    };
    number.oninput = () => take(number.value);
    slider.oninput = () => take(slider.value);

    return follow(model, ["label", "tip", "value", "least", "greatest", "step", "placeholder", "slider"], () => {
      const [least, greatest, step, value] = ["least", "greatest", "step", "value"].map((name) => model.get(name));
      label.textContent = model.get("label");
      row.title = model.get("tip");
      for (const input of [slider, number]) {
        input.min = least ?? "";
        input.max = greatest ?? "";
        input.step = step ?? "any";
      }
      slider.ariaLabel = `${model.get("label")}, slider`;
      number.ariaLabel = model.get("label");
      number.placeholder = model.get("placeholder");
      slider.hidden = !model.get("slider");
      slider.classList.toggle("studio-unset", value === null);
      slider.value = value ?? slider.min;
      if (document.activeElement !== number || value !== null) number.value = value ?? "";
    });
  },
};
