"""Which field suits which kind of control. ``FIELDS`` is the only place in the notebook that knows."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ipywidgets import Checkbox

from studio.library import Library
from studio.notebook.field import AUTO, ChoiceField, ListField, NumberField, SizeField, TextField, WidgetField
from studio.notebook.lora_field import LoraField
from studio.notebook.picture_fields import MaskField, PictureField
from studio.notebook.widgets import ColourPicker
from studio.parameters.types import PARTS
from studio.ui.controls import FormControl

PICTURES: Final = ("picture", "pictures")


def field(control: FormControl, folder: Path, library: Library) -> WidgetField:
    """The field for a control, set to its default; dropped files are kept in ``folder``, names are in ``library``."""
    is_list = control.many and control.kind not in (*PICTURES, "loras")
    made = ListField(control) if is_list else FIELDS.get(control.kind, FIELDS["text"])(control, folder, library)
    if control.default is not None:
        made.write(control.default)
    return made


def _toggle(control: FormControl, _: Path, __: Library) -> WidgetField:
    return WidgetField(control, Checkbox(description=control.label, tooltip=control.help, indent=False))


def _colour(control: FormControl, _: Path, __: Library) -> WidgetField:
    hint = "" if control.required else AUTO
    return WidgetField(control, ColourPicker(label=control.label, tip=control.help, placeholder=hint))


FIELDS: Final[dict[str, Callable[[FormControl, Path, Library], WidgetField]]] = {
    "prompt": lambda control, *_: TextField(control),
    "text": lambda control, *_: TextField(control),
    "number": lambda control, *_: NumberField(control),
    "slider": lambda control, *_: NumberField(control),
    "seed": lambda control, *_: NumberField(control),
    "choice": lambda control, _, library: ChoiceField(control, library),
    "sampler": lambda control, _, library: ChoiceField(control, library),
    "model": lambda control, _, library: ChoiceField(control, library),
    "workflow": lambda control, _, library: ChoiceField(control, library),
    "size": lambda control, *_: SizeField(control),
    "toggle": _toggle,
    "colour": _colour,
    "picture": lambda control, folder, _: PictureField(control, folder),
    "pictures": lambda control, folder, _: PictureField(control, folder),
    "mask": lambda control, folder, _: MaskField(control, folder),
    "loras": lambda control, _, library: LoraField(control, library),
    **dict.fromkeys(PARTS, lambda control, _, library: ChoiceField(control, library)),
}
