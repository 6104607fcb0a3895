// Paint on a picture what shall change. One sees the paint in colour; the mask leaves as a PNG of the
// picture's size, white where there is paint.

const PAINT = "#7a5cff";

export default {
  render({ model, el }) {
    const label = h("span", { className: "studio-label" });
    const image = h("img", { alt: "" });
    const canvas = h("canvas", { role: "img" });
    const brush = h("input", { type: "range", min: 2, max: 50, value: 12, ariaLabel: "Brush size, percent of the width" });
    const undo = button("Undo", "studio-link", () => step(strokes.slice(0, -1)));
    const clear = button("Clear", "studio-link", () => step([], null));
    const invert = button("Invert", "studio-link", () => step([...strokes, { invert: true }]));
    const erase = h("input", { type: "checkbox" });
    const tools = h("div", { className: "studio-tools" },
      h("label", {}, "Brush", brush), h("label", {}, erase, "Erase"), undo, clear, invert);
    const empty = h("p", { className: "studio-hint" });
    el.append(h("div", { className: "studio-field" }, label, h("div", { className: "studio-mask" }, image, canvas), empty, tools));

    const pen = canvas.getContext("2d", { willReadFrequently: true });
    let strokes = [];
    let base = null; // the mask that Python gave, below the strokes

    const draw = () => {
      pen.globalCompositeOperation = "source-over";
      pen.clearRect(0, 0, canvas.width, canvas.height);
      if (base) pen.drawImage(base, 0, 0, canvas.width, canvas.height);
      for (const stroke of strokes) (stroke.invert ? flip : line)(stroke);
    };
    const flip = () => {
      pen.globalCompositeOperation = "xor";
      fill(pen, canvas, PAINT);
    };
    const line = ({ points, width, erase }) => {
      pen.globalCompositeOperation = erase ? "destination-out" : "source-over";
      pen.strokeStyle = pen.fillStyle = PAINT;
      pen.lineWidth = width;
      pen.lineCap = pen.lineJoin = "round";
      pen.beginPath();
      pen.moveTo(...points[0]);
      for (const point of points) pen.lineTo(...point);
      pen.stroke();
    };
    const fill = (ink, { width, height }, colour) => {
      ink.fillStyle = colour;
      ink.fillRect(0, 0, width, height);
    };
    const send = () => {
      const flat = h("canvas", { width: canvas.width, height: canvas.height });
      const ink = flat.getContext("2d");
      ink.drawImage(canvas, 0, 0);
      ink.globalCompositeOperation = "source-in";
      fill(ink, flat, "white");
      ink.globalCompositeOperation = "destination-over";
      fill(ink, flat, "black");
      flat.toBlob(async (blob) => model.send({ name: "mask.png", part: 0, parts: 1 }, undefined, [await blob.arrayBuffer()]));
    };
    const step = (next, below = base) => {
      strokes = next;
      base = below;
      draw();
      if (strokes.length || base) send();
      else model.send({ clear: true });
    };
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
    };
    canvas.onpointerdown = (event) => {
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      strokes = [...strokes, { points: [at(event)], width: (brush.value / 100) * canvas.width, erase: erase.checked }];
      draw();
    };
    canvas.onpointermove = (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      strokes.at(-1).points.push(at(event));
      draw();
    };
    canvas.onpointerup = () => step(strokes);

    image.onload = () => {
      canvas.width = image.naturalWidth;
      canvas.height = image.naturalHeight;
      draw();
    };
    const restore = async () => {
      const bytes = model.get("mask");
      strokes = [];
      base = bytes.byteLength ? painted(await createImageBitmap(new Blob([bytes]))) : null;
      draw();
    };
    const painted = (bitmap) => {
      const layer = h("canvas", { width: bitmap.width, height: bitmap.height });
      const ink = layer.getContext("2d");
      ink.drawImage(bitmap, 0, 0);
      const data = ink.getImageData(0, 0, layer.width, layer.height);
      for (let i = 0; i < data.data.length; i += 4) data.data[i + 3] = data.data[i] > 127 ? 255 : 0;
      ink.putImageData(data, 0, 0);
      ink.globalCompositeOperation = "source-in";
      fill(ink, layer, PAINT);
      return layer;
    };
    const unfollow = [
      follow(model, ["label", "tip", "picture", "empty"], () => {
        const some = model.get("picture").byteLength > 0;
        label.textContent = model.get("label");
        canvas.title = model.get("tip");
        canvas.ariaLabel = `${model.get("label")}: paint with the pointer`;
        show(image, model.get("picture"));
        canvas.hidden = tools.hidden = !some;
        empty.hidden = some;
        empty.textContent = model.get("empty");
      }),
      follow(model, ["mask"], restore),
    ];
    return () => unfollow.forEach((stop) => stop());
  },
};
