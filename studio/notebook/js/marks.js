// What people say of a picture: heart, stars, tags, collections, a note. Each change is sent at once.

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
      const off = (name) => Object.assign(button("×", "studio-off", () => mark({ [kind]: { [name]: false } })), { ariaLabel: `Take off ${name}` });
      const list = h("datalist", { id: `studio-${Math.random().toString(36).slice(2)}` }, ...known.map((value) => h("option", { value })));
      const input = h("input", { type: "text", className: "studio-input", placeholder: add, ariaLabel: add, maxLength: 100 });
      input.setAttribute("list", list.id);
      const put = () => {
        const name = input.value.trim().replace(/\s+/g, " ");
        input.value = "";
        if (name) mark({ [kind]: { [name]: true } });
      };
      input.onchange = put; // also for a name that was chosen from the list
      input.onkeydown = (event) => event.key === "Enter" && put();
      const chips = has.map((name) => h("span", { className: "studio-chip" }, name, off(name)));
      return h("div", { className: "studio-names", role: "group", ariaLabel: label }, ...chips, input, list);
    }

    function note(value) {
      const area = h("textarea", { className: "studio-input", rows: 2, value, placeholder: "A note for yourself", ariaLabel: "Note", maxLength: 10000 });
      area.onchange = () => mark({ note: area.value });
      return area;
    }

    return follow(model, ["said", "known"], () => {
      const [said, known] = [model.get("said"), model.get("known")];
      const again = document.activeElement?.getAttribute?.("aria-label"); // the keyboard stays where it is
      const inside = box.contains(document.activeElement);
      if (said.rating === undefined) return box.replaceChildren();
      box.replaceChildren(
        h("div", { className: "studio-said" }, stars(said.rating), heart(said.favourite)),
        ...Object.keys(NAMES).map((kind) => names(kind, said[kind], known[kind] ?? [])),
        note(said.note),
      );
      if (inside) box.querySelector(`[aria-label="${CSS.escape(again ?? "")}"]`)?.focus();
    });
  },
};
