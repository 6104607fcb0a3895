// Two pictures on top of each other with a line to drag between them; arrow keys move it too.

export default {
  render({ model, el }) {
    const before = h("img", {});
    const after = h("img", {});
    const line = h("span", { className: "studio-line" });
    const slider = h("input", { type: "range", min: 0, max: 100, step: 1, ariaLabel: "Before and after" });
    const words = [h("span", { className: "studio-left" }), h("span", { className: "studio-right" })];
    const box = h("div", { className: "studio-compare" }, after, before, line, ...words, slider);
    el.append(box);

    const move = () => box.style.setProperty("--at", `${slider.value}%`);
    slider.oninput = () => {
      move();
      model.set("at", Number(slider.value));
      model.save_changes();
    };
    return follow(model, ["before", "after", "before_label", "after_label", "at"], () => {
      show(before, model.get("before"));
      show(after, model.get("after"));
      before.alt = words[0].textContent = model.get("before_label");
      after.alt = words[1].textContent = model.get("after_label");
      slider.value = model.get("at");
      move();
    });
  },
};
