"""Which Gradio component suits which kind of control, and how values go in and come out.

The whole of it is ``_KINDS``: a kind that is not there gets a text box.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr
from gradio.components import Component

from studio.kinds import PARTS
from studio.surfaces.controls import Control, live_choices, sizes
from studio.surfaces.uploads import keep
from studio.surfaces.web import loras, masks

_FEW: Final = 4  # up to so many choices stand side by side


@dataclass(frozen=True)
class Field:
    """A control on the page.

    ``parts`` are its components. ``read`` turns their values, and the output folder, into the
    job's value; ``write`` turns a value into the values of the parts.
    """

    control: Control
    parts: list[Component]
    read: Callable[[list[Any], Path], Any]
    write: Callable[[Any], list[Any]]

    @property
    def live(self) -> bool:
        """Whether what there is to choose from can change while the page is open."""
        return isinstance(self.parts[0], gr.Dropdown) and not self.control.choices and bool(live_choices(self.control))

    def listen(self, event: str) -> Callable[..., Any]:
        """How to hear of an ``event`` ("input", "change") of the first part."""
        listener: Callable[..., Any] = getattr(self.parts[0], event)
        return listener


def field(control: Control) -> Field:
    """Draw a control where we are on the page."""
    if control.many and control.kind not in _OWN_MANY:
        return _lines(control)
    if control.kind in ("slider", "number") and control.default is None:
        return _plain(control, _number(control))
    return _KINDS.get(control.kind, _choice if live_choices(control) else _text)(control)


def _plain(control: Control, part: Component) -> Field:
    return Field(control, [part], lambda values, _: _given(values[0]), lambda value: [value])


def _given(value: Any) -> Any:
    return None if value in ("", []) else value


def _label(control: Control) -> dict[str, Any]:
    unit = f" ({control.unit})" if control.unit else ""
    return {"label": f"{control.label}{unit}", "info": control.help or None, "elem_classes": f"kind-{control.kind}"}


def _text(control: Control, lines: int = 1) -> Field:
    part = gr.Textbox(control.default or "", lines=lines, **_label(control))
    return Field(control, [part], lambda values, _: _words(control, values[0]), lambda value: [value or ""])


def _words(control: Control, text: str) -> str | None:
    """An empty box is no text where one is needed, and an empty text elsewhere."""
    return text if text or isinstance(control.default, str) else None


def _prompt(control: Control) -> Field:
    return _text(control, lines=3 if control.required else 2)


def _lines(control: Control) -> Field:
    label = {**_label(control), "info": control.help or "One on each line, or parted by commas."}
    part = gr.Textbox(_joined(control.default), lines=3, **label)
    return Field(control, [part], lambda values, _: _given(values[0].strip()), lambda value: [_joined(value)])


def _joined(values: list[Any] | None) -> str:
    """A list as the form reads it back; a bar keeps the commas of a lone value from parting it."""
    texts = [str(value) for value in values or ()]
    return f"{texts[0]}|" if len(texts) == 1 and "," in texts[0] else "\n".join(texts)


def _left_open(part: gr.Number) -> gr.Number:
    """The number, which may be left open: the browser makes 0 of a None when it draws it, and leaves "" as it is."""
    read, write = part.preprocess, part.postprocess
    vars(part).update(
        preprocess=lambda given: None if given == "" else read(given),
        postprocess=lambda value: "" if value is None else write(value),
    )
    part.value = ""
    return part


def _number(control: Control) -> Component:
    whole = 0 if control.step == 1 else None
    may_be_open = not control.required and control.default is None
    part = gr.Number(
        control.default, precision=whole, minimum=control.least, maximum=control.greatest,
        placeholder="automatic" if may_be_open else None, **_label(control),
    )  # fmt: skip
    return _left_open(part) if may_be_open else part


def _slider(control: Control) -> Field:
    if control.least is None or control.greatest is None:
        return _plain(control, _number(control))
    step = control.step or 0.01
    part = gr.Slider(control.least, control.greatest, control.default, step=step, buttons=[], **_label(control))
    return _plain(control, part)


def _choice(control: Control) -> Field:
    choices = list(control.choices or live_choices(control))
    if len(choices) <= _FEW and control.kind == "choice":
        return _plain(control, gr.Radio(choices, value=control.default, **_label(control)))
    return _plain(control, gr.Dropdown(choices, value=control.default, **_label(control)))


def _size(control: Control) -> Field:
    own = [] if control.default else [("The model's own", "")]
    label = {**_label(control), "info": "Choose one, or write it as WIDTHxHEIGHT."}
    part = gr.Dropdown([*own, *sizes()], value=control.default or "", allow_custom_value=True, **label)
    return Field(control, [part], lambda values, _: _given(values[0]), lambda value: [value or ""])


def _toggle(control: Control) -> Field:
    return _plain(control, gr.Checkbox(bool(control.default), **_label(control)))


def _colour(control: Control) -> Field:
    return _plain(control, gr.ColorPicker(control.default, **_label(control)))


def _seed(control: Control) -> Field:
    with gr.Row(elem_classes="seed"):
        number = gr.Number(0, precision=0, minimum=0, maximum=2**32 - 1, scale=2, **_label(control))
        new = gr.Checkbox(True, label="New each time", scale=1, min_width=120)
    return Field(
        control,
        [number, new],
        lambda values, _: None if values[1] or values[0] is None else int(values[0]),
        lambda value: [value or 0, value is None],
    )


def _picture(control: Control) -> Field:
    if control.many:
        return _pictures(control)
    label = {key: value for key, value in _label(control).items() if key != "info"}
    part = gr.Image(
        type="filepath", format="png", sources=["upload", "clipboard"], buttons=[], height=220,
        placeholder=f"{control.help}\n\nDrop it here, or click to choose", **label,
    )  # fmt: skip
    vars(part)["preprocess"] = _uploaded  # Gradio would open the file itself, and refuse some that are read here
    return Field(control, [part], lambda values, output: _kept(values[0], output), lambda value: [value])


def _uploaded(given: Any) -> str | None:
    return str(given.path) if given else None


def _kept(path: str | None, output: Path) -> str | None:
    return str(keep(Path(path).read_bytes(), output)) if path else None


def _mask(control: Control) -> Field:
    gr.HTML("<p>Paint over what should change.</p>", elem_classes="hint", padding=False, apply_default_css=False)
    part = masks.editor(control.label)
    return Field(control, [part], lambda values, output: masks.file_of(values[0], output), lambda value: [value])


def _loras(control: Control) -> Field:
    part = loras.stack(control)
    return Field(control, [part], lambda values, _: values[0]["loras"], lambda value: [value])


def _pictures(control: Control) -> Field:
    label = {key: value for key, value in _label(control).items() if key != "info"}
    part = gr.File(file_count="multiple", file_types=["image"], height=160, **label)
    return Field(
        control,
        [part],
        lambda values, output: [_kept(path, output) for path in values[0] or ()],
        lambda value: [value or None],
    )


_KINDS: Final[dict[str, Callable[[Control], Field]]] = {
    "prompt": _prompt,
    "text": _text,
    "number": lambda control: _plain(control, _number(control)),
    "slider": _slider,
    "choice": _choice,
    "sampler": _choice,
    "model": _choice,
    "toggle": _toggle,
    "seed": _seed,
    "size": _size,
    "picture": _picture,
    "mask": _mask,
    "colour": _colour,
    "loras": _loras,
    "pictures": _pictures,
    **dict.fromkeys(PARTS, _choice),
}
_OWN_MANY: Final = {"pictures", "picture", "loras"}
