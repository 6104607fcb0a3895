// The marks of a picture: favourite, rating, tags, collections, a note. Each change is sent at once.

const NAMES = { collections: ["Collections", "Add to a collection"], tags: ["Tags", "Add a tag"] };

export default {
  render({ model, el }) {
    const mark = (change) => model.send({ mark: change });
    const box = h("div", { className: "studio-marks" });
    el.append(box);

    function heart(on) {
      const node = button("♥", "studio-heart", () => mark({ favourite: !on }));
      return Object.assign(node, { ariaPressed: String(on), ariaLabel: "Favourite", title: on ? "Remove from favourites" : "Add to favourites" });
    }

    function stars(rating) {
      const star = (n) => {
        const node = button("★", n <= rating ? "studio-star studio-lit" : "studio-star", () => mark({ rating: n === rating ? 0 : n }));
        return Object.assign(node, { ariaPressed: String(n === rating), ariaLabel: `${n} of 5 stars`, title: `${n} of 5 stars` });
      };
      return h("div", { className: "studio-stars", role: "group", ariaLabel: "Rating" }, ...[1, 2, 3, 4, 5].map(star));
    }

    function names(kind, has, known) {
      const [label, add] = NAMES[kind];
      const off = (name) => Object.assign(button("×", "studio-off", () => mark({ [kind]: { [name]: false } })), { ariaLabel: `Remove ${name}` });
      const list = h("datalist", { id: `studio-${Math.random().toString(36).slice(2)}` }, ...known.map((value) => h("option", { value })));
      const input = h("input", { type: "text", className: "studio-input", placeholder: add, ariaLabel: add, maxLength: 100 });
      input.setAttribute("list", list.id);
      const put = () => {
        const name = input.value.trim().replace(/\s+/g, " ");
        input.value = "";
        if (name) mark({ [kind]: { [name]: true } });
      };
      input.onchange = put; // also for a name that is chosen from the list
      input.onkeydown = (event) => event.key === "Enter" && put();
      const chips = has.map((name) => h("span", { className: "studio-chip" }, name, off(name)));
      return h("div", { className: "studio-names", role: "group", ariaLabel: label }, ...chips, input, list);
    }

    function note(value) {
      const area = h("textarea", { className: "studio-input", rows: 2, value, placeholder: "A note for yourself", ariaLabel: "Note", maxLength: 10000 });
      area.onchange = () => mark({ note: area.value });
      return area;
    }

    return follow(model, ["marks", "known"], () => {
      const [marks, known] = [model.get("marks"), model.get("known")];
      const again = document.activeElement?.getAttribute?.("aria-label"); // keeps the keyboard focus
      const inside = box.contains(document.activeElement);
      if (marks.rating === undefined) return box.replaceChildren();
      box.replaceChildren(
        h("div", { className: "studio-ratings" }, stars(marks.rating), heart(marks.favourite)),
        ...Object.keys(NAMES).map((kind) => names(kind, marks[kind], known[kind] ?? [])),
        note(marks.note),
      );
      if (inside) box.querySelector(`[aria-label="${CSS.escape(again ?? "")}"]`)?.focus();
    });
  },
};
