"""Which Gradio component suits which kind of control, and how values go in and come out.

The whole of it is ``_KINDS``: a kind that is not there gets a list of choices, or a text box where it has none.
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
from studio.ui.controls import Control, choice_label, live_choices, sizes
from studio.ui.uploads import keep

_FEW: Final = 4  # up to so many choices stand side by side
_MOST_LINES: Final = 10  # a longer text scrolls


@dataclass(frozen=True)
class Field:
    """A control on the page.

    ``part`` is its component. ``read`` turns what the browser sends of it, and the output folder, into the job's
    value; ``write`` turns a job's value into what the component shows.
    """

    control: Control
    part: Component
    read: Callable[[Any, Path], Any]
    write: Callable[[Any], Any]

    def live(self, library: Library) -> bool:
        """Whether what there is to choose from can change while the page is open."""
        choices = self.control.choices or not live_choices(self.control, library)
        return isinstance(self.part, gr.Dropdown) and not choices

    def listen(self, event: str) -> Callable[..., Any]:
        """How to hear of an ``event`` ("input", "change") of the component."""
        listener: Callable[..., Any] = getattr(self.part, event)
        return listener


def field(control: Control, library: Library) -> Field:
    """Draw a control where we are on the page; what can be chosen by name is in ``library``."""
    if control.many and control.kind not in _OWN_MANY:
        return _lines(control)
    if control.kind in ("slider", "number") and control.default is None:
        return _number(control)
    if control.kind in _KINDS:
        return _KINDS[control.kind](control)
    choices = live_choices(control, library)
    return _choice(control, choices) if choices or control.kind in _CHOICES else _text(control)


def _plain(control: Control, part: Component) -> Field:
    return Field(control, part, lambda value, _: _given(value), lambda value: value)


def _given(value: Any) -> Any:
    return None if value in ("", []) else value


def _label(control: Control) -> dict[str, Any]:
    unit = f" ({control.unit})" if control.unit else ""
    shown = control.help.translate(_MARKDOWN) or None
    return {"label": f"{control.label}{unit}", "info": shown, "elem_classes": f"kind-{control.kind}"}


# Gradio makes Markdown of ``info`` and knows no escapes. The page's script turns these characters back (app.js).
_MARKDOWN: Final = {ord(mark): 0xE000 + ord(mark) for mark in "_*`["}


def _text(control: Control, lines: int = 1) -> Field:
    part = gr.Textbox(control.default or "", lines=lines, max_lines=max(lines, _MOST_LINES), **_label(control))
    return Field(control, part, lambda value, _: _words(control, value), lambda value: value or "")


def _words(control: Control, text: str) -> str | None:
    """An empty box is no text where one is needed, and an empty text elsewhere."""
    return text if text or isinstance(control.default, str) else None


def _prompt(control: Control) -> Field:
    return _text(control, lines=3 if control.required else 2)


def _lines(control: Control) -> Field:
    label = {**_label(control), "info": control.help or "One on each line, or separated by commas."}
    part = gr.Textbox(_joined(control.default), lines=3, max_lines=_MOST_LINES, **label)
    return Field(control, part, lambda value, _: _given(str(value or "").strip()), _joined)


def _joined(values: list[Any] | None) -> str:
    """A list as the form reads it back; a bar keeps the commas of a lone value from parting it."""
    texts = [str(value) for value in values or ()]
    return f"{texts[0]}|" if len(texts) == 1 and "," in texts[0] else "\n".join(texts)


def _number(control: Control, empty: str = "Auto") -> Field:
    part = numbers.box(control, _label(control)["label"], empty if control.default is None else str(control.default))
    return Field(control, part, lambda value, _: numbers.given(value), numbers.shown)


def _seed(control: Control) -> Field:
    return _number(control, "Random")


def _slider(control: Control) -> Field:
    if control.least is None or control.greatest is None:
        return _number(control)
    step = control.step or 0.01
    part = gr.Slider(control.least, control.greatest, control.default, step=step, buttons=[], **_label(control))
    return _plain(control, part)


def _choice(control: Control, known: Sequence[str]) -> Field:
    choices = [(choice_label(choice), choice) for choice in control.choices or known]
    if len(choices) <= _FEW and control.kind == "choice":
        return _plain(control, gr.Radio(choices, value=control.default, **_label(control)))
    free = control.kind != "choice"  # an unknown name is refused by name; Gradio would take the one before instead
    part = gr.Dropdown(choices, value=control.default, allow_custom_value=free, **_label(control))
    return _plain(control, part)


def _size(control: Control) -> Field:
    own = [] if control.default else [("Auto", "")]
    label = {**_label(control), "info": "Choose one, or write it as WIDTHxHEIGHT."}
    part = gr.Dropdown([*own, *sizes()], value=control.default or "", allow_custom_value=True, **label)
    return Field(control, part, lambda value, _: _given(value), lambda value: value or "")


def _toggle(control: Control) -> Field:
    return _plain(control, gr.Checkbox(bool(control.default), **_label(control)))


def _colour(control: Control) -> Field:
    part = colours.box(control, _label(control)["label"])
    return Field(control, part, lambda value, _: _given(value), lambda value: value or "")


def _picture(control: Control) -> Field:
    if control.many:
        return _pictures(control)
    label = {key: value for key, value in _label(control).items() if key != "info"}
    part = gr.Image(
        type="filepath", format="png", sources=["upload", "clipboard"], buttons=[], height=220,
        placeholder=f"{control.help}\n\nDrop it here, or click to choose", **label,
    )  # fmt: skip
    return Field(control, part, _kept, lambda value: value)


def _kept(upload: dict[str, Any] | None, output: Path) -> str | None:
    """An upload as a file of ours, byte for byte. ``gradio_requests`` has checked that it is one."""
    return str(keep(Path(upload["path"]).read_bytes(), output)) if upload else None


def _mask(control: Control) -> Field:
    gr.HTML("<p>Paint over what should change.</p>", elem_classes="hint", padding=False, apply_default_css=False)
    part = masks.editor(control.label)
    return Field(control, part, masks.file_of, lambda value: value)


def _loras(control: Control) -> Field:
    part = loras.stack(control)
    return Field(control, part, lambda value, _: loras.chosen(value), lambda value: value)


def _pictures(control: Control) -> Field:
    label = {key: value for key, value in _label(control).items() if key != "info"}
    part = gr.File(file_count="multiple", file_types=["image"], height=160, **label)
    return Field(
        control,
        part,
        lambda value, output: [_kept(upload, output) for upload in value or ()],
        lambda value: value or None,
    )


_KINDS: Final[dict[str, Callable[[Control], Field]]] = {
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
_OWN_MANY: Final = {"pictures", "picture", "loras"}
