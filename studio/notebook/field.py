"""The fields of a form: a widget for one control, with its error message below it."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Final

from ipywidgets import HTML, DOMWidget, Dropdown, Text, VBox

from studio.library import Library
from studio.notebook.widgets import NumberInput, PromptBox
from studio.ui.controls import FormControl, choice_label, live_choices, sizes
from studio.ui.phrases import capitalised

AUTO: Final = "Auto"
_NONE: Final = ""  # stands for None in a list, because ipywidgets takes None for "nothing is selected"
_OTHER: Final = "other"
_NARROW: Final = ("number", "seed")  # two of these share a line


class WidgetField:
    """A widget for one control, and the line below it for an error.

    ``read`` and ``write`` use the values of a job; ``on_change`` is called when a person changes the value.
    """

    def __init__(self, control: FormControl, widget: DOMWidget, trait: str = "value") -> None:
        self.control, self.widget = control, widget
        self.problem, self._trait = "", trait
        self._line = HTML(layout={"display": "none"})
        self._line.add_class("studio-error")
        self.box = VBox([widget, self._line])
        if control.kind in _NARROW and not control.many:
            self.box.add_class("studio-short")

    def read(self) -> Any:
        return getattr(self.widget, self._trait)

    def write(self, value: Any) -> None:
        setattr(self.widget, self._trait, value)

    def on_change(self, callback: Callable[[], None]) -> None:
        self.widget.observe(lambda _: callback(), self._trait)

    def show_problem(self, problem: str) -> None:
        """Show what is wrong with the value; "" hides the message."""
        self.problem = capitalised(problem)
        self._line.value = f'<span role="alert">{escape(self.problem)}</span>'
        self._line.layout.display = "" if problem else "none"

    def show(self, visible: bool) -> None:
        self.box.layout.display = "" if visible else "none"


class TextField(WidgetField):
    """A text box that grows; None is shown as an empty box."""

    def __init__(self, control: FormControl) -> None:
        rows = 3 if control.required and control.kind == "prompt" else 1
        hint = "Describe the picture" if control.required and control.kind == "prompt" else ""
        super().__init__(control, PromptBox(label=control.label, tip=control.help, rows=rows, placeholder=hint))

    def write(self, value: Any) -> None:
        self.widget.value = "" if value is None else str(value)


class ListField(TextField):
    """Several values, one on each line."""

    def __init__(self, control: FormControl) -> None:
        super().__init__(control)
        self.widget.placeholder = "One on each line"

    def read(self) -> list[Any]:
        lines = [line.strip() for line in self.widget.value.splitlines() if line.strip()]
        blank = [one for one in self.control.default or () if one == ""]  # a default of one empty line
        return [self._parse(line) for line in lines] or blank

    def write(self, value: Sequence[Any] | None) -> None:
        self.widget.rows = max(2, len(value or ()))
        self.widget.value = "\n".join(str(one) for one in value or ())

    def _parse(self, line: str) -> Any:
        for number in (int, float) if self.control.least is not None else ():
            try:
                return number(line)
            except ValueError:
                continue
        return line


class NumberField(WidgetField):
    """A number, or empty where the model or the studio chooses."""

    def __init__(self, control: FormControl) -> None:
        label = f"{control.label} ({control.unit})" if control.unit else control.label
        hint = {"seed": "Random"}.get(control.kind, AUTO)
        super().__init__(control, NumberInput(
            label=label, tip=control.help, least=control.least, greatest=control.greatest,
            step=control.step, slider=control.kind == "slider", placeholder="" if control.required else hint,
        ))  # fmt: skip


class ChoiceField(WidgetField):
    """One of several values; a value that is not in the list is added to it, so that it is not lost."""

    def __init__(self, control: FormControl, library: Library) -> None:
        choices = control.choices or live_choices(control, library)
        options = [*_auto(control), *((choice_label(one), one) for one in choices)]
        super().__init__(control, Dropdown(options=options, description=control.label, tooltip=control.help))

    def read(self) -> Any:
        return None if self.widget.value == _NONE else self.widget.value

    def write(self, value: Any) -> None:
        if value is None and not _auto(self.control):
            self.widget.value = None
            return
        value = _NONE if value is None else value
        if value not in [one for _, one in self.widget.options]:
            self.widget.options = (*self.widget.options, (str(value) or AUTO, value))
        self.widget.value = value


class SizeField(WidgetField):
    """A size from the list, or one that is typed in."""

    def __init__(self, control: FormControl) -> None:
        options = [*_auto(control), *sizes(), ("Other …", _OTHER)]
        self._list = Dropdown(options=options, description=control.label, tooltip=control.help)
        self._typed = Text(description="Width x height", placeholder="512x768", layout={"display": "none"})
        super().__init__(control, VBox([self._list, self._typed]).add_class("studio-form"))
        self._list.observe(self._show_typed, "value")

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

    def _show_typed(self, _: Any) -> None:
        self._typed.layout.display = "" if self._list.value == _OTHER else "none"


def _auto(control: FormControl) -> list[tuple[str, str]]:
    """A first choice "Auto", if nothing needs to be chosen."""
    return [] if control.required or control.default is not None else [(AUTO, _NONE)]
