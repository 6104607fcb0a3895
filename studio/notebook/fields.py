"""One control on the screen. ``FIELDS`` is the only place that knows which widget suits which kind."""

import io
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from ipywidgets import HTML, Checkbox, DOMWidget, Dropdown, Text, VBox
from PIL import Image

from studio.errors import InputError
from studio.images.image_file import open_image
from studio.images.transparency import on_ground
from studio.library import Library
from studio.notebook.widgets import Colour, DropZone, LoraStack, MaskPainter, Number, PromptBox
from studio.parameters.types import LORA_WEIGHTS, PARTS
from studio.ui import lora_picker
from studio.ui.controls import Control, choice_label, live_choices, sizes
from studio.ui.phrases import capitalised
from studio.ui.uploads import keep

OWN: Final = "Auto"
_NONE: Final = ""  # stands for None in a list: ipywidgets takes None for nothing chosen
_OTHER: Final = "other"
_SHORT: Final = ("number", "seed")  # two of these share a line
DROP: Final = "Drop a picture here, or click to choose one"
DROP_MANY: Final = "Drop pictures here, or click to choose some"


class Field:
    """A widget for one control, and the line below it for what is wrong.

    ``read`` and ``write`` speak the values of a job; ``on_change`` is told when a person changes it.
    """

    def __init__(self, control: Control, widget: DOMWidget, trait: str = "value") -> None:
        self.control, self.widget = control, widget
        self.problem, self._trait = "", trait
        self._line = HTML(layout={"display": "none"})
        self._line.add_class("studio-error")
        self.box = VBox([widget, self._line])
        if control.kind in _SHORT and not control.many:
            self.box.add_class("studio-short")

    def read(self) -> Any:
        return getattr(self.widget, self._trait)

    def write(self, value: Any) -> None:
        setattr(self.widget, self._trait, value)

    def on_change(self, callback: Callable[[], None]) -> None:
        self.widget.observe(lambda _: callback(), self._trait)

    def say(self, problem: str) -> None:
        """Show what is wrong with the value; "" takes it away."""
        self.problem = capitalised(problem)
        self._line.value = f'<span role="alert">{escape(self.problem)}</span>'
        self._line.layout.display = "" if problem else "none"

    def show(self, visible: bool) -> None:
        self.box.layout.display = "" if visible else "none"


class Words(Field):
    """A text that grows; None is shown as nothing."""

    def __init__(self, control: Control) -> None:
        rows = 3 if control.required and control.kind == "prompt" else 1
        hint = "Describe the picture" if control.required and control.kind == "prompt" else ""
        super().__init__(control, PromptBox(label=control.label, tip=control.help, rows=rows, placeholder=hint))

    def write(self, value: Any) -> None:
        self.widget.value = "" if value is None else str(value)


class Lines(Words):
    """Several values, one a line."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        self.widget.placeholder = "One on each line"

    def read(self) -> list[Any]:
        lines = [line.strip() for line in self.widget.value.splitlines() if line.strip()]
        blank = [one for one in self.control.default or () if one == ""]  # a default of one empty line
        return [self._one(line) for line in lines] or blank

    def write(self, value: Sequence[Any] | None) -> None:
        self.widget.rows = max(2, len(value or ()))
        self.widget.value = "\n".join(str(one) for one in value or ())

    def _one(self, line: str) -> Any:
        for number in (int, float) if self.control.least is not None else ():
            try:
                return number(line)
            except ValueError:
                continue
        return line


class Figure(Field):
    """A number, or nothing where the model or the studio may choose."""

    def __init__(self, control: Control) -> None:
        hint = {"seed": "Random"}.get(control.kind, OWN)
        super().__init__(control, Number(
            label=_with_unit(control), tip=control.help, least=control.least, greatest=control.greatest,
            step=control.step, slider=control.kind == "slider", placeholder="" if control.required else hint,
        ))  # fmt: skip


class Choice(Field):
    """One of several; a value from elsewhere joins them, so that nothing is changed in silence."""

    def __init__(self, control: Control, library: Library) -> None:
        choices = control.choices or live_choices(control, library)
        options = [*_own(control), *((choice_label(one), one) for one in choices)]
        super().__init__(control, Dropdown(options=options, description=control.label, tooltip=control.help))

    def read(self) -> Any:
        return None if self.widget.value == _NONE else self.widget.value

    def write(self, value: Any) -> None:
        if value is None and not _own(self.control):
            self.widget.value = None
            return
        value = _NONE if value is None else value
        if value not in [one for _, one in self.widget.options]:
            self.widget.options = (*self.widget.options, (str(value) or OWN, value))
        self.widget.value = value


class Sides(Field):
    """A size from the list, or one typed in."""

    def __init__(self, control: Control) -> None:
        options = [*_own(control), *sizes(), ("Other …", _OTHER)]
        self._list = Dropdown(options=options, description=control.label, tooltip=control.help)
        self._typed = Text(description="Width x height", placeholder="512x768", layout={"display": "none"})
        super().__init__(control, VBox([self._list, self._typed]).add_class("studio-form"))
        self._list.observe(self._open, "value")

    def read(self) -> Any:
        return {_OTHER: self._typed.value, _NONE: None}.get(self._list.value, self._list.value)

    def write(self, value: Any) -> None:
        value = _NONE if value is None else value
        listed = value in [one for _, one in self._list.options]
        self._typed.value = "" if listed else str(value)
        self._list.value = value if listed else _OTHER

    def on_change(self, callback: Callable[[], None]) -> None:
        for widget in (self._list, self._typed):
            widget.observe(lambda _: callback(), "value")

    def _open(self, _: Any) -> None:
        self._typed.layout.display = "" if self._list.value == _OTHER else "none"


class PictureFile(Field):
    """A picture, dropped or chosen; its value is the path of its file. Takes several where ``many``."""

    def __init__(self, control: Control, folder: Path) -> None:
        super().__init__(control, self._piece(control))
        self._folder, self._paths, self._told = folder, list[str](), list[Callable[[], None]]()
        self._small = dict[str, bytes]()
        self._look("")
        self.widget.on_file(self._take)
        self.widget.hear("coming", lambda _: self.say(""))
        self.widget.hear("clear", lambda _: self._fresh([]))

    def _piece(self, control: Control) -> DOMWidget:
        return DropZone(label=control.label, tip=control.help, many=control.many)

    def read(self) -> Any:
        return list(self._paths) if self.control.many else next(iter(self._paths), None)

    def write(self, value: Any) -> None:
        self._fresh([str(one) for one in ([value] if isinstance(value, str | Path) else value or [])])

    def on_change(self, callback: Callable[[], None]) -> None:
        self._told.append(callback)

    def _take(self, name: str, data: bytes) -> None:
        try:
            path = str(keep(data, self._folder))
        except InputError as error:
            self.say(f"'{name}': {error}")
            return
        self._put([*self._paths, path] if self.control.many else [path], name)

    def _fresh(self, paths: list[str]) -> None:
        self.say("")
        self._put(paths)

    def _put(self, paths: list[str], name: str = "") -> None:
        self._paths = paths
        self._look(name)
        for told in self._told:
            told()

    def _look(self, name: str) -> None:
        self._small = {path: self._small.get(path) or small(path) for path in self._paths}
        self.widget.pictures = [self._small[path] for path in self._paths]
        self.widget.words = self._words(name)

    def _words(self, name: str) -> str:
        if not self._paths:
            return DROP_MANY if self.control.many else DROP
        if not self.control.many:
            return name or Path(self._paths[0]).name
        return f"{len(self._paths)} chosen. Drop more to add them."


class Mask(PictureFile):
    """A mask, painted on the picture that the workflow starts from; kept as a file once its path is asked for."""

    _painted: bytes = b""

    def read(self) -> Any:
        if self._painted:
            self._paths, self._painted = [str(keep(self._painted, self._folder))], b""
        return super().read()

    def _piece(self, control: Control) -> DOMWidget:
        return MaskPainter(label=control.label, tip=control.help)

    def over(self, picture: Any) -> None:
        """Paint on this picture from now on; a mask of another picture is let go."""
        self.widget.picture = small(picture, None) if picture else b""
        self.write(None)

    def write(self, value: Any) -> None:
        super().write(value)
        self.widget.mask = small(value, None, "black") if value else b""

    def _take(self, _: str, data: bytes) -> None:
        self._fresh([])
        self._painted = data

    def _put(self, paths: list[str], name: str = "") -> None:
        self._painted = b""
        super()._put(paths, name)

    def _look(self, name: str) -> None:
        """The painter shows its strokes itself."""


class Loras(Field):
    """A stack of LoRAs; which may be added depends on the model. Cards are read when somebody looks at them."""

    def __init__(self, control: Control, library: Library) -> None:
        piece = LoraStack(label=control.label, tip=control.help, slider=list(LORA_WEIGHTS), empty=lora_picker.EMPTY)
        super().__init__(control, piece)
        self._library, self._model, self._looked = library, "", False
        piece.hear("opened", lambda _: self._look())
        piece.hear("preview", lambda message: self._show(message["preview"]))

    def read(self) -> list[str]:
        return list(self.widget.value)

    def write(self, value: Sequence[str] | None) -> None:
        self.widget.value = list(value or ())
        if self.widget.value and not self._looked:
            self._look()

    def fit(self, model: str) -> None:
        """Offer what fits this model from now on."""
        self._model = model
        if self._looked:
            self._look()

    def on_word(self, callback: Callable[[str], None]) -> None:
        """Call ``callback`` with each trigger word that is clicked."""
        self.widget.hear("word", lambda message: callback(message["word"]))

    def _look(self) -> None:
        self._looked = True
        self.widget.cards = [one.about for one in lora_picker.shown(self._model, self._library)]

    def _show(self, card: str) -> None:
        path = lora_picker.preview(card, self._library)
        self.widget.send_preview(card, small(path) if path else b"")


def small(path: str | Path, edge: int | None = 160, ground: str = "white") -> bytes:
    """A picture file as JPEG on a ground, its longer side at most ``edge`` pixels; b"" where it cannot be read."""
    try:
        image = on_ground(open_image(path), ground)
    except InputError:
        return b""
    if edge:
        image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88)
    return stream.getvalue()


def _toggle(control: Control, *_: object) -> Field:
    return Field(control, Checkbox(description=control.label, tooltip=control.help, indent=False))


def _colour(control: Control, *_: object) -> Field:
    hint = "" if control.required else OWN
    return Field(control, Colour(label=control.label, tip=control.help, placeholder=hint))


def _own(control: Control) -> list[tuple[str, str]]:
    """Where nothing needs to be chosen, a first choice that says so."""
    return [] if control.required or control.default is not None else [(OWN, _NONE)]


def _with_unit(control: Control) -> str:
    return f"{control.label} ({control.unit})" if control.unit else control.label


Maker = Callable[[Control, Path, Library], Field]

FIELDS: Final[dict[str, Maker]] = {
    "prompt": lambda control, *_: Words(control),
    "text": lambda control, *_: Words(control),
    "number": lambda control, *_: Figure(control),
    "slider": lambda control, *_: Figure(control),
    "seed": lambda control, *_: Figure(control),
    "choice": lambda control, _, library: Choice(control, library),
    "sampler": lambda control, _, library: Choice(control, library),
    "model": lambda control, _, library: Choice(control, library),
    "workflow": lambda control, _, library: Choice(control, library),
    "size": lambda control, *_: Sides(control),
    "toggle": _toggle,
    "colour": _colour,
    "picture": lambda control, folder, _: PictureFile(control, folder),
    "pictures": lambda control, folder, _: PictureFile(control, folder),
    "mask": lambda control, folder, _: Mask(control, folder),
    "loras": lambda control, _, library: Loras(control, library),
    **dict.fromkeys(PARTS, lambda control, _, library: Choice(control, library)),
}
PICTURES: Final = ("picture", "pictures")


def field(control: Control, folder: Path, library: Library) -> Field:
    """The field for a control, set to its default; dropped files are kept in ``folder``, names are in ``library``."""
    several = control.many and control.kind not in (*PICTURES, "loras")
    made = Lines(control) if several else FIELDS.get(control.kind, FIELDS["text"])(control, folder, library)
    if control.default is not None:
        made.write(control.default)
    return made
