// The stack of LoRAs in a notebook: texts and cards are traits; wishes, and previews one by one, are messages.

export default {
  render({ model, el }) {
    const waiting = new Map(); // whom to tell a preview's address, by the name of its card
    const shown = loraStack({
      changed: (texts) => {
        model.set("value", texts);
        model.save_changes();
      },
      opened: () => model.send({ opened: true }),
      word: (word) => model.send({ word }),
      picture: (card) =>
        new Promise((tell) => {
          waiting.set(card.name, [...(waiting.get(card.name) ?? []), tell]);
          model.send({ preview: card.name });
        }),
    });
    const hear = (message, buffers) => {
      const address = URL.createObjectURL(new Blob([buffers[0]]));
      for (const tell of waiting.get(message.preview) ?? []) tell(address);
      waiting.delete(message.preview);
    };
    el.append(shown.element);
    model.on("msg:custom", hear);
    const unfollow = [
      follow(model, ["label", "tip", "empty", "slider", "words"], () =>
        shown.say(Object.fromEntries(["label", "tip", "empty", "slider", "words"].map((name) => [name, model.get(name)])))),
      follow(model, ["cards"], () => shown.offer(model.get("cards"))),
      follow(model, ["value"], () => shown.write(model.get("value"))),
    ];
    return () => {
      unfollow.forEach((stop) => stop());
      model.off("msg:custom", hear);
    };
  },
};
