// A colour: a name or #rrggbb, or the colour picker beside it. Empty is null: the workflow's default.

export default {
  render({ model, el }) {
    const label = h("span", { className: "studio-label" });
    const swatch = h("input", { type: "color" });
    const text = h("input", { type: "text", className: "studio-input" });
    const row = h("span", { className: "studio-colour" }, swatch, text);
    el.append(h("div", { className: "studio-field" }, label, row));

    const pen = h("canvas").getContext("2d");
    const hex = (colour) => {
      pen.fillStyle = "#888888";
      pen.fillStyle = colour ?? "";
      return pen.fillStyle;
    };
    const take = (value) => {
      model.set("value", value === "" ? null : value);
      model.save_changes();
    };
    swatch.oninput = () => take(swatch.value);
    text.oninput = () => take(text.value);

    return follow(model, ["label", "tip", "value", "placeholder"], () => {
      const value = model.get("value");
      label.textContent = model.get("label");
      row.title = model.get("tip");
      swatch.ariaLabel = `${model.get("label")}, picker`;
      text.ariaLabel = model.get("label");
      text.placeholder = model.get("placeholder");
      swatch.value = hex(value);
      swatch.classList.toggle("studio-unset", value === null);
      if (text.value !== (value ?? "")) text.value = value ?? "";
    });
  },
};
