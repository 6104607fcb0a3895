"""The form of one workflow: a mapping from input names to values, and its widgets."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any, TypeVar

from ipywidgets import ToggleButton, VBox

from studio.errors import InputError
from studio.notebook.field import WidgetField
from studio.notebook.fields import field
from studio.notebook.lora_field import LoraField
from studio.notebook.picture_fields import MaskField, PictureField
from studio.notebook.widgets import PromptBox
from studio.plugins import unknown
from studio.runtime.session import Session
from studio.ui.controls import controls, is_blank
from studio.ui.lora_picker import lora_inputs
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

F = TypeVar("F", bound=WidgetField)


class WidgetForm(MutableMapping[str, Any]):
    """``form["steps"]`` is the value that the field shows; setting it moves the widget. ``job`` checks the values."""

    def __init__(self, workflow: Workflow, session: Session) -> None:
        self.workflow, self._library = workflow, session.library
        folder = session.settings.output
        self.fields = {control.name: field(control, folder, self._library) for control in controls(workflow)}
        self.more = ToggleButton(description="Advanced", tooltip="Settings that are rarely needed", icon="chevron-down")
        self.widget = VBox(self._layout())
        self.widget.add_class("studio-fields")
        for one in self.fields.values():
            one.on_change(self._update_visibility)
        self._connect_masks()
        self._connect_loras()
        self._update_visibility()

    def __getitem__(self, name: str) -> Any:
        return self._field(name).read()

    def __setitem__(self, name: str, value: Any) -> None:
        self._field(name).write(value)

    def __delitem__(self, name: str) -> None:
        """Reset an input to its default."""
        self[name] = self._field(name).control.default

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __repr__(self) -> str:
        return repr(dict(self))

    def fill(self, values: Mapping[str, Any]) -> None:
        """Set several values; masks last, because a new start picture drops the mask of the previous one."""
        for name in sorted(values, key=lambda name: isinstance(self._field(name), MaskField)):
            self[name] = values[name]

    def job(self) -> Job:
        """The job with these values; raises InputError if one is wrong or missing."""
        if empty := {name: "choose a model" for name, one in self.fields.items() if one.control.kind == "model"
                     and one.control.default is not None and not one.read()}:  # fmt: skip
            raise InputError("choose a model", empty)
        given = {name: value for name, value in self.items() if not self._missing(name, value)}
        return Job.of(self.workflow, given, self._library)

    def show_problems(self, wrong: Mapping[str, str]) -> bool:
        """Show at each field what is wrong with it; False if no field is concerned."""
        for name, one in self.fields.items():
            one.show_problem(wrong.get(name, ""))
        return not self.fields.keys().isdisjoint(wrong)

    def _missing(self, name: str, value: Any) -> bool:
        return self._field(name).control.required and is_blank(value)

    def on_action(self, action: Callable[[str], None]) -> None:
        """Call ``action`` with "generate" or "stop" for the keys in a prompt.

        The message contains the text, because the trait may arrive later.
        """

        def receive(box: PromptBox, message: dict[str, Any]) -> None:
            box.value = message["value"]
            action(message["action"])

        for one in self.fields.values():
            if isinstance(one.widget, PromptBox):
                one.widget.on_message("action", partial(receive, one.widget))

    def _field(self, name: str) -> WidgetField:
        if name not in self.fields:
            raise InputError(unknown("input", name, self.fields))
        return self.fields[name]

    def _of(self, kind: type[F]) -> list[F]:
        return [one for one in self.fields.values() if isinstance(one, kind)]

    def _connect_masks(self) -> None:
        """Masks are painted on the first picture of the form."""
        for picture in [one for one in self._of(PictureField) if not isinstance(one, MaskField)][:1]:
            for mask in self._of(MaskField):
                picture.on_change(partial(_paint_over, mask, picture))

    def _connect_loras(self) -> None:
        """LoRAs must fit the chosen model, and their trigger words go into the prompt."""
        for stack in self._of(LoraField):
            inputs = lora_inputs(self.workflow, stack.control.name)
            model, prompt = self.fields.get(inputs.model), self.fields.get(inputs.prompt)
            stack.set_model((model and model.read()) or inputs.default_model)
            if model:
                model.on_change(partial(_set_model, stack, model))
            stack.widget.words = prompt is not None
            if prompt:
                stack.on_trigger_word(partial(_toggle_words, prompt))

    def _layout(self) -> list[Any]:
        """The main inputs first; the others behind the button "Advanced"."""
        first = [one.box for one in self.fields.values() if not one.control.more]
        rest = VBox([one.box for one in self.fields.values() if one.control.more], layout={"display": "none"})
        rest.add_class("studio-fields").add_class("studio-more")
        self.more.add_class("studio-toggle")
        self.more.observe(lambda change: self._show_advanced(rest, change["new"]), "value")
        return [*first, self.more, rest] if rest.children else first

    def _show_advanced(self, rest: VBox, opened: bool) -> None:
        rest.layout.display = "" if opened else "none"
        self.more.icon = "chevron-up" if opened else "chevron-down"

    def _update_visibility(self) -> None:
        for one in self.fields.values():
            if one.control.visible_if:
                other, wanted = one.control.visible_if
                one.show(self[other] == wanted)


def _paint_over(mask: MaskField, picture: PictureField) -> None:
    mask.paint_over(picture.read())


def _set_model(stack: LoraField, model: WidgetField) -> None:
    stack.set_model(model.read())


def _toggle_words(prompt: WidgetField, words: str) -> None:
    """Add words to a prompt, or remove them if they are there."""
    framed = f", {prompt.read().strip()},"
    without = framed.replace(f", {words},", ",")
    text = f"{framed} {words}" if without == framed else without
    prompt.write(", ".join(part for piece in text.split(",") if (part := piece.strip())))
