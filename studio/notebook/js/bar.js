// Generate, Stop and the progress. Its keyboard shortcuts work in the whole panel.

export default {
  render({ model, el }) {
    const generate = button("Generate", "studio-primary", () => model.send({ action: "generate" }));
    const stop = button("Stop", "studio-stop", () => model.send({ action: "stop" }));
    const progress = h("progress", { max: 1, ariaLabel: "Progress" });
    const text = h("span", { className: "studio-status", role: "status" });
    generate.title = "Ctrl+Enter";
    stop.title = "Esc";
    el.append(h("div", { className: "studio-bar" }, generate, stop, text), progress);

    const keys = (event) => {
      const action = event.key === "Escape" ? "stop" : event.key === "Enter" && (event.ctrlKey || event.metaKey) ? "generate" : "";
      if (!action || (action === "stop" && document.querySelector("dialog[open]"))) return;
      event.preventDefault();
      event.stopPropagation();
      model.send({ action });
    };
    const frame = requestAnimationFrame(() => {
      const panel = el.closest(".studio");
      panel?.setAttribute("data-lm-suppress-shortcuts", ""); // tells Lumino to leave keys to us
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
