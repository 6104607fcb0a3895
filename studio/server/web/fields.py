"""Which Gradio component suits which kind of control, and how its values are read and written.

``_KINDS`` is the whole table; a kind that is not in it gets a list of choices, or a text box where it has none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr
from gradio.components import Component

from studio.library import Library
from studio.parameters.types import PARTS
from studio.server.web import colours, loras, masks, numbers
from studio.ui.controls import FormControl, choice_label, live_choices, sizes
from studio.ui.uploads import keep

_MAX_RADIOS: Final = 4  # more choices become a drop-down list
_MAX_LINES: Final = 10  # longer text scrolls


@dataclass(frozen=True)
class ComponentField:
    """A control with its Gradio component.

    ``read`` turns what the browser sends, and the output folder, into the job's value; ``write`` turns a job's value
    into the component's value.
    """

    control: FormControl
    component: Component
    read: Callable[[Any, Path], Any]
    write: Callable[[Any], Any]

    def live(self, library: Library) -> bool:
        """Whether the choices can change while the page is open."""
        choices = self.control.choices or not live_choices(self.control, library)
        return isinstance(self.component, gr.Dropdown) and not choices

    def listen(self, event: str) -> Callable[..., Any]:
        """The component's listener for an ``event`` ("input", "change")."""
        listener: Callable[..., Any] = getattr(self.component, event)
        return listener


def field(control: FormControl, library: Library) -> ComponentField:
    """Add a control to the current place of the page; what can be chosen by name is in ``library``."""
    if control.many and control.kind not in _LIST_KINDS:
        return _lines(control)
    if control.kind in ("slider", "number") and control.default is None:
        return _number(control)
    if control.kind in _KINDS:
        return _KINDS[control.kind](control)
    choices = live_choices(control, library)
    return _choice(control, choices) if choices or control.kind in _CHOICES else _text(control)


def _plain(control: FormControl, component: Component) -> ComponentField:
    return ComponentField(control, component, lambda value, _: _given(value), lambda value: value)


def _given(value: Any) -> Any:
    return None if value in ("", []) else value


def _label(control: FormControl) -> dict[str, Any]:
    unit = f" ({control.unit})" if control.unit else ""
    shown = control.help.translate(_MARKDOWN) or None
    return {"label": f"{control.label}{unit}", "info": shown, "elem_classes": f"kind-{control.kind}"}


# Gradio renders ``info`` as Markdown and has no escapes. app.js turns these private characters back.
_MARKDOWN: Final = {ord(mark): 0xE000 + ord(mark) for mark in "_*`["}


def _text(control: FormControl, lines: int = 1) -> ComponentField:
    component = gr.Textbox(control.default or "", lines=lines, max_lines=max(lines, _MAX_LINES), **_label(control))
    return ComponentField(control, component, lambda value, _: _words(control, value), lambda value: value or "")


def _words(control: FormControl, text: str) -> str | None:
    """An empty box is None if a text is required, and an empty text otherwise."""
    return text if text or isinstance(control.default, str) else None


def _prompt(control: FormControl) -> ComponentField:
    return _text(control, lines=3 if control.required else 2)


def _lines(control: FormControl) -> ComponentField:
    label = {**_label(control), "info": control.help or "One on each line, or separated by commas."}
    component = gr.Textbox(_joined(control.default), lines=3, max_lines=_MAX_LINES, **label)
    return ComponentField(control, component, lambda value, _: _given(str(value or "").strip()), _joined)


def _joined(values: list[Any] | None) -> str:
    """A list as text that the form reads back; a bar after a single value keeps its commas from splitting it."""
    texts = [str(value) for value in values or ()]
    return f"{texts[0]}|" if len(texts) == 1 and "," in texts[0] else "\n".join(texts)


def _number(control: FormControl, empty: str = "Auto") -> ComponentField:
    component = numbers.box(
        control, _label(control)["label"], empty if control.default is None else str(control.default)
    )
    return ComponentField(control, component, lambda value, _: numbers.given(value), numbers.shown)


def _seed(control: FormControl) -> ComponentField:
    return _number(control, "Random")


def _slider(control: FormControl) -> ComponentField:
    if control.least is None or control.greatest is None:
        return _number(control)
    step = control.step or 0.01
    component = gr.Slider(control.least, control.greatest, control.default, step=step, buttons=[], **_label(control))
    return _plain(control, component)


def _choice(control: FormControl, known: Sequence[str]) -> ComponentField:
    choices = [(choice_label(choice), choice) for choice in control.choices or known]
    if len(choices) <= _MAX_RADIOS and control.kind == "choice":
        return _plain(control, gr.Radio(choices, value=control.default, **_label(control)))
    free = control.kind != "choice"  # an unknown name must raise an error; Gradio would silently keep the previous one
    component = gr.Dropdown(choices, value=control.default, allow_custom_value=free, **_label(control))
    return _plain(control, component)


def _size(control: FormControl) -> ComponentField:
    own = [] if control.default else [("Auto", "")]
    label = {**_label(control), "info": "Choose one, or write it as WIDTHxHEIGHT."}
    component = gr.Dropdown([*own, *sizes()], value=control.default or "", allow_custom_value=True, **label)
    return ComponentField(control, component, lambda value, _: _given(value), lambda value: value or "")


def _toggle(control: FormControl) -> ComponentField:
    return _plain(control, gr.Checkbox(bool(control.default), **_label(control)))


def _colour(control: FormControl) -> ComponentField:
    component = colours.box(control, _label(control)["label"])
    return ComponentField(control, component, lambda value, _: _given(value), lambda value: value or "")


def _picture(control: FormControl) -> ComponentField:
    if control.many:
        return _pictures(control)
    label = {key: value for key, value in _label(control).items() if key != "info"}
    component = gr.Image(
        type="filepath", format="png", sources=["upload", "clipboard"], buttons=[], height=220,
        placeholder=f"{control.help}\n\nDrop it here, or click to choose", **label,
    )  # fmt: skip
    return ComponentField(control, component, _kept, lambda value: value)


def _kept(upload: dict[str, Any] | None, output: Path) -> str | None:
    """An upload as a file in the output folder, byte for byte. ``gradio_requests`` has checked its path."""
    return str(keep(Path(upload["path"]).read_bytes(), output)) if upload else None


def _mask(control: FormControl) -> ComponentField:
    gr.HTML("<p>Paint over what should change.</p>", elem_classes="hint", padding=False, apply_default_css=False)
    component = masks.editor(control.label)
    return ComponentField(control, component, masks.file_of, lambda value: value)


def _loras(control: FormControl) -> ComponentField:
    component = loras.stack(control)
    return ComponentField(control, component, lambda value, _: loras.chosen(value), lambda value: value)


def _pictures(control: FormControl) -> ComponentField:
    label = {key: value for key, value in _label(control).items() if key != "info"}
    component = gr.File(file_count="multiple", file_types=["image"], height=160, **label)
    return ComponentField(
        control,
        component,
        lambda value, output: [_kept(upload, output) for upload in value or ()],
        lambda value: value or None,
    )


_KINDS: Final[dict[str, Callable[[FormControl], ComponentField]]] = {
    "prompt": _prompt,
    "text": _text,
    "number": _number,
    "slider": _slider,
    "toggle": _toggle,
    "seed": _seed,
    "size": _size,
    "picture": _picture,
    "mask": _mask,
    "colour": _colour,
    "loras": _loras,
    "pictures": _pictures,
}
_CHOICES: Final = {"choice", "sampler", "model", *PARTS}
_LIST_KINDS: Final = {"pictures", "picture", "loras"}
