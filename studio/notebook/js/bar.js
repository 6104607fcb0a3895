// Generate, Stop and how far it is. Its keys hold in the whole panel around it.

export default {
  render({ model, el }) {
    const generate = button("Generate", "studio-primary", () => model.send({ wish: "generate" }));
    const stop = button("Stop", "studio-stop", () => model.send({ wish: "stop" }));
    const progress = h("progress", { max: 1, ariaLabel: "Progress" });
    const text = h("span", { className: "studio-status", role: "status" });
    generate.title = "Ctrl+Enter";
    stop.title = "Esc";
    el.append(h("div", { className: "studio-bar" }, generate, stop, text), progress);

    const keys = (event) => {
      const wish = event.key === "Escape" ? "stop" : event.key === "Enter" && (event.ctrlKey || event.metaKey) ? "generate" : "";
      if (!wish || (wish === "stop" && document.querySelector("dialog[open]"))) return;
      event.preventDefault();
      event.stopPropagation();
      model.send({ wish });
    };
    const frame = requestAnimationFrame(() => {
      const panel = el.closest(".studio");
      panel?.setAttribute("data-lm-suppress-shortcuts", ""); // Lumino's word for "keys are ours here"
      panel?.addEventListener("keydown", keys);
    });
    const unfollow = follow(model, ["running", "fraction", "text", "problem"], () => {
      stop.disabled = !model.get("running");
      progress.hidden = !model.get("running");
      if (model.get("fraction") === null) progress.removeAttribute("value");
      else progress.value = model.get("fraction");
      text.textContent = model.get("text");
      text.classList.toggle("studio-problem", model.get("problem"));
    });
    return () => {
      cancelAnimationFrame(frame);
      unfollow();
    };
  },
};
