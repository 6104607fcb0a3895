"""The fields of one workflow: a mapping from names to values, and what it looks like."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any, TypeVar

from ipywidgets import ToggleButton, VBox

from studio.errors import InputError
from studio.notebook.fields import Field, Loras, Mask, PictureFile, field
from studio.notebook.widgets import PromptBox
from studio.plugins import unknown
from studio.runtime.session import Session
from studio.ui.controls import controls, is_blank
from studio.ui.lora_picker import joined
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

F = TypeVar("F", bound=Field)


class Form(MutableMapping[str, Any]):
    """``form["steps"]`` is what the field shows; setting it moves the widget. Nothing is checked before ``job``."""

    def __init__(self, workflow: Workflow, session: Session) -> None:
        self.workflow, self._library = workflow, session.library
        folder = session.settings.output
        self.fields = {control.name: field(control, folder, self._library) for control in controls(workflow)}
        self.more = ToggleButton(description="Advanced", tooltip="Settings that are seldom needed", icon="chevron-down")
        self.widget = VBox(self._arranged())
        self.widget.add_class("studio-fields")
        for one in self.fields.values():
            one.on_change(self._changed)
        self._join_masks()
        self._join_loras()
        self._changed()

    def __getitem__(self, name: str) -> Any:
        return self._field(name).read()

    def __setitem__(self, name: str, value: Any) -> None:
        self._field(name).write(value)

    def __delitem__(self, name: str) -> None:
        """Back to the default."""
        self[name] = self._field(name).control.default

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __repr__(self) -> str:
        return repr(dict(self))

    def fill(self, values: Mapping[str, Any]) -> None:
        """Set several; masks last, because a new picture lets go of the mask of the one before."""
        for name in sorted(values, key=lambda name: isinstance(self._field(name), Mask)):
            self[name] = values[name]

    def job(self) -> Job:
        """The job of these values; raises InputError where one is wrong or missing."""
        if empty := {name: "choose a model" for name, one in self.fields.items() if one.control.kind == "model"
                     and one.control.default is not None and not one.read()}:  # fmt: skip
            raise InputError("choose a model", empty)
        given = {name: value for name, value in self.items() if not self._missing(name, value)}
        return Job.of(self.workflow, given, self._library)

    def explain(self, wrong: Mapping[str, str]) -> bool:
        """Say by each field what is wrong with it; False where it is none of them."""
        for name, one in self.fields.items():
            one.say(wrong.get(name, ""))
        return not self.fields.keys().isdisjoint(wrong)

    def _missing(self, name: str, value: Any) -> bool:
        return self._field(name).control.required and is_blank(value)

    def on_wish(self, wish: Callable[[str], None]) -> None:
        """What the keys in a prompt do; the text comes along, so that none of it is late."""

        def hear(box: PromptBox, message: dict[str, Any]) -> None:
            box.value = message["value"]
            wish(message["wish"])

        for one in self.fields.values():
            if isinstance(one.widget, PromptBox):
                one.widget.hear("wish", partial(hear, one.widget))

    def _field(self, name: str) -> Field:
        if name not in self.fields:
            raise InputError(unknown("input", name, self.fields))
        return self.fields[name]

    def _of(self, kind: type[F]) -> list[F]:
        return [one for one in self.fields.values() if isinstance(one, kind)]

    def _join_masks(self) -> None:
        """A mask is painted on the first picture of the form."""
        for picture in [one for one in self._of(PictureFile) if not isinstance(one, Mask)][:1]:
            for mask in self._of(Mask):
                picture.on_change(partial(_show_below, mask, picture))

    def _join_loras(self) -> None:
        """LoRAs must fit the model that is chosen, and their words go into the prompt."""
        for stack in self._of(Loras):
            beside = joined(self.workflow, stack.control.name)
            model, prompt = self.fields.get(beside.model), self.fields.get(beside.prompt)
            stack.fit((model and model.read()) or beside.own)
            if model:
                model.on_change(partial(_fit, stack, model))
            stack.widget.words = prompt is not None
            if prompt:
                stack.on_word(partial(_toggle, prompt))

    def _arranged(self) -> list[Any]:
        """Few first; the rest behind a button that opens."""
        first = [one.box for one in self.fields.values() if not one.control.more]
        rest = VBox([one.box for one in self.fields.values() if one.control.more], layout={"display": "none"})
        rest.add_class("studio-fields").add_class("studio-more")
        self.more.add_class("studio-toggle")
        self.more.observe(lambda change: self._unfold(rest, change["new"]), "value")
        return [*first, self.more, rest] if rest.children else first

    def _unfold(self, rest: VBox, opened: bool) -> None:
        rest.layout.display = "" if opened else "none"
        self.more.icon = "chevron-up" if opened else "chevron-down"

    def _changed(self) -> None:
        for one in self.fields.values():
            if one.control.visible_if:
                other, wanted = one.control.visible_if
                one.show(self[other] == wanted)


def _show_below(mask: Mask, picture: PictureFile) -> None:
    mask.over(picture.read())


def _fit(stack: Loras, model: Field) -> None:
    stack.fit(model.read())


def _toggle(prompt: Field, words: str) -> None:
    """Put words into a prompt, or take them out again."""
    framed = f", {prompt.read().strip()},"
    without = framed.replace(f", {words},", ",")
    said = f"{framed} {words}" if without == framed else without
    prompt.write(", ".join(part for piece in said.split(",") if (part := piece.strip())))
