"""Which field suits which kind of control. ``FIELDS`` is the only place in the notebook that knows."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ipywidgets import Checkbox

from studio.notebook.field import AUTO, ChoiceField, ListField, NumberField, SizeField, TextField, WidgetField
from studio.notebook.lora_field import LoraField
from studio.notebook.picture_fields import MaskField, PictureField
from studio.notebook.widgets import ColourPicker
from studio.parameters.types import PARTS
from studio.ui.controls import FormControl

PICTURES: Final = ("picture", "pictures")


def field(control: FormControl, folder: Path) -> WidgetField:
    """The field for a control, set to its default; dropped files are kept in ``folder``."""
    is_list = control.many and control.kind not in (*PICTURES, "loras")
    made = ListField(control) if is_list else FIELDS.get(control.kind, FIELDS["text"])(control, folder)
    if control.default is not None:
        made.write(control.default)
    return made


def _toggle(control: FormControl, _: Path) -> WidgetField:
    return WidgetField(control, Checkbox(description=control.label, tooltip=control.help, indent=False))


def _colour(control: FormControl, _: Path) -> WidgetField:
    hint = "" if control.required else AUTO
    return WidgetField(control, ColourPicker(label=control.label, tip=control.help, placeholder=hint))


FIELDS: Final[dict[str, Callable[[FormControl, Path], WidgetField]]] = {
    "prompt": lambda control, _: TextField(control),
    "text": lambda control, _: TextField(control),
    "number": lambda control, _: NumberField(control),
    "slider": lambda control, _: NumberField(control),
    "seed": lambda control, _: NumberField(control),
    "choice": lambda control, _: ChoiceField(control),
    "sampler": lambda control, _: ChoiceField(control),
    "model": lambda control, _: ChoiceField(control),
    "workflow": lambda control, _: ChoiceField(control),
    "size": lambda control, _: SizeField(control),
    "toggle": _toggle,
    "colour": _colour,
    "picture": PictureField,
    "pictures": PictureField,
    "mask": MaskField,
    "loras": lambda control, _: LoraField(control),
    **dict.fromkeys(PARTS, lambda control, _: ChoiceField(control)),
}
