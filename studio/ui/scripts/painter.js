// The mask painter of the web app and the notebook. The paint is shown in colour; the mask is a PNG of the picture's size,
// white where it is painted.

const PAINT = "#7a5cff";

/** An editor that calls ``changed`` with a Blob after each stroke, or with null if nothing is painted. */
export function painter(changed) {
  const make = (tag, properties, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };
  const button = (textContent, onclick) => make("button", { type: "button", className: "studio-link", textContent, onclick });
  const label = make("span", { className: "studio-label" });
  const image = make("img", { alt: "" });
  const canvas = make("canvas", { role: "img" });
  const brush = make("input", { type: "range", min: 2, max: 50, value: 12, ariaLabel: "Brush size, percent of the width" });
  const erase = make("input", { type: "checkbox" });
  const tools = make("div", { className: "studio-tools" },
    make("label", {}, "Brush", brush), make("label", {}, erase, "Erase"),
    button("Undo", () => step(strokes.slice(0, -1))),
    button("Clear", () => step([], null)),
    button("Invert", () => step([...strokes, { invert: true }])));
  const empty = make("p", { className: "studio-hint" });

  const pen = canvas.getContext("2d", { willReadFrequently: true });
  let strokes = [];
  let base = null; // the previous mask, below the strokes

  const draw = () => {
    pen.globalCompositeOperation = "source-over";
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (base) pen.drawImage(base, 0, 0, canvas.width, canvas.height);
    for (const stroke of strokes) (stroke.invert ? flip : line)(stroke);
  };
  const fill = (ink, colour, mode) => {
    ink.globalCompositeOperation = mode;
    ink.fillStyle = colour;
    ink.fillRect(0, 0, ink.canvas.width, ink.canvas.height);
  };
  const flip = () => fill(pen, PAINT, "xor");
  const line = ({ points, width, erase }) => {
    pen.globalCompositeOperation = erase ? "destination-out" : "source-over";
    pen.strokeStyle = PAINT;
    pen.lineWidth = width;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...points[0]);
    for (const point of points) pen.lineTo(...point);
    pen.stroke();
  };
  const layer = (source, width, height) => {
    const ink = make("canvas", { width, height }).getContext("2d");
    ink.drawImage(source, 0, 0);
    return ink;
  };
  const send = () => {
    const flat = layer(canvas, canvas.width, canvas.height);
    fill(flat, "white", "source-in");
    fill(flat, "black", "destination-over");
    flat.canvas.toBlob(changed);
  };
  const step = (next, below = base) => {
    strokes = next;
    base = below;
    draw();
    if (strokes.length || base) send();
    else changed(null);
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
    URL.revokeObjectURL(image.src); // has no effect unless it is a blob: URL
  };
  const loaded = async (address) => {
    const picture = make("img", { src: address });
    await picture.decode();
    URL.revokeObjectURL(address);
    return painted(layer(picture, picture.naturalWidth, picture.naturalHeight));
  };
  const painted = (ink) => {
    const pixels = ink.getImageData(0, 0, ink.canvas.width, ink.canvas.height);
    for (let i = 0; i < pixels.data.length; i += 4) pixels.data[i + 3] = pixels.data[i] > 127 ? 255 : 0;
    ink.putImageData(pixels, 0, 0);
    fill(ink, PAINT, "source-in");
    return ink.canvas;
  };

  return {
    element: make("div", { className: "studio-field" }, label, make("div", { className: "studio-mask" }, image, canvas), empty, tools),

    /** Set the label, the tooltip, and the text without a picture. */
    configure(name, tip, missing) {
      label.textContent = name;
      canvas.title = tip;
      canvas.ariaLabel = `${name}: paint with the pointer`;
      empty.textContent = missing;
    },

    /** Start with the picture at this URL, with nothing painted; "" removes the picture. */
    setPicture(address) {
      strokes = [];
      base = null;
      canvas.hidden = tools.hidden = image.hidden = !address;
      empty.hidden = !image.hidden;
      if (address) image.src = address;
      else image.removeAttribute("src");
    },

    /** Start with the mask at this URL; "" is an empty mask. */
    async restore(address) {
      strokes = [];
      base = address ? await loaded(address) : null;
      draw();
    },
  };
}
