// A row of thumbnails; one of them is selected. Items: {key, label, jpeg, word}.

export default {
  render({ model, el }) {
    const row = h("div", { className: "studio-strip", role: "group" });
    el.append(row);

    const tile = (item) => {
      const node = h("button", { type: "button", className: "studio-tile", title: item.label, ariaLabel: item.label }, thumbnail(item.jpeg));
      if (item.word) node.append(h("span", { textContent: item.word }));
      node.onclick = () => model.send({ chosen: item.key });
      node.ariaPressed = String(item.key === model.get("chosen"));
      node.dataset.key = item.key;
      return node;
    };
    const mark = () => [...row.children].forEach((node) => (node.ariaPressed = String(node.dataset.key === model.get("chosen"))));
    const fill = () => {
      row.ariaLabel = model.get("label");
      row.replaceChildren(...model.get("items").map(tile));
    };
    const unfollow = [follow(model, ["label", "items"], fill), follow(model, ["chosen"], mark)];
    return () => unfollow.forEach((stop) => stop());
  },
};
