// The LoRA control in a notebook: texts and cards are traits; actions and previews are messages.

export default {
  render({ model, el }) {
    const waiting = new Map(); // callbacks for the URL of a preview, by the name of its card
    const shown = loraStack({
      changed: (texts) => {
        model.set("value", texts);
        model.save_changes();
      },
      opened: () => model.send({ opened: true }),
      word: (word) => model.send({ word }),
      picture: (card) =>
        new Promise((resolve) => {
          waiting.set(card.name, [...(waiting.get(card.name) ?? []), resolve]);
          model.send({ preview: card.name });
        }),
    });
    const onMessage = (message, buffers) => {
      const address = URL.createObjectURL(new Blob([buffers[0]]));
      for (const resolve of waiting.get(message.preview) ?? []) resolve(address);
      waiting.delete(message.preview);
    };
    el.append(shown.element);
    model.on("msg:custom", onMessage);
    const unfollow = [
      follow(model, ["label", "tip", "empty", "slider", "words"], () =>
        shown.configure(Object.fromEntries(["label", "tip", "empty", "slider", "words"].map((name) => [name, model.get(name)])))),
      follow(model, ["cards"], () => shown.setCards(model.get("cards"))),
      follow(model, ["value"], () => shown.write(model.get("value"))),
    ];
    return () => {
      unfollow.forEach((stop) => stop());
      model.off("msg:custom", onMessage);
    };
  },
};
