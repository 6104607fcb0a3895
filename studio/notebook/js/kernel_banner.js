// Shows that the kernel of a panel is gone, and disables the panel.
//
// The widget manager marks the panel when the kernel restarts, but not if the kernel died, or restarted while the page was
// disconnected. So each click asks the kernel as well. A kernel reports when it has processed a message: if it then has not
// answered, it does not know this panel.

const RESTARTED = "The kernel was restarted: run this cell again.";
const NO_KERNEL = "No kernel is connected: run this cell again.";
const MARK = "jupyter-widgets-disconnected";
const GRACE = 2000; // milliseconds after the kernel has processed a question

export default {
  render({ model, el }) {
    const banner = h("p", { className: "studio-kernel", role: "alert", hidden: true });
    el.append(banner);
    let panel = null;
    let lived = false;
    let asked = 0;
    let answered = 0;

    const gone = () => {
      if (!banner.hidden) return;
      banner.textContent = lived ? RESTARTED : NO_KERNEL;
      banner.hidden = false;
      panel.classList.add("studio-gone");
      for (const each of panel.querySelectorAll("button:not(.studio-open), input, select, textarea, canvas, [tabindex]")) {
        each.disabled = true;
        each.inert = true;
      }
    };
    const look = () => {
      if (panel.classList.contains(MARK)) gone();
      else lived = true;
    };
    const ask = () => {
      if (!banner.hidden) return;
      const question = ++asked;
      const check = () => answered < question && gone();
      const status = ({ content }) => content.execution_state === "idle" && setTimeout(check, GRACE);
      model.send({ ask: question }, { iopub: { status } });
    };
    const onMessage = ({ answer }) => (answered = Math.max(answered, answer ?? 0));

    const marked = new MutationObserver(look);
    const frame = requestAnimationFrame(() => {
      panel = el.closest(".studio");
      if (!panel) return;
      look();
      marked.observe(panel, { attributeFilter: ["class"] });
      panel.addEventListener("click", ask);
    });
    model.on("msg:custom", onMessage);
    return () => {
      cancelAnimationFrame(frame);
      marked.disconnect();
      panel?.removeEventListener("click", ask);
      model.off("msg:custom", onMessage);
    };
  },
};
