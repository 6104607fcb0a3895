"""The form of one workflow: its fields, the Generate button and its handler."""

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import gradio as gr
from gradio.components import Component

from studio.errors import InputError, StudioError
from studio.library import Library
from studio.runtime.session import Session
from studio.server.web import loras, masks
from studio.server.web.fields import ComponentField, field
from studio.ui.controls import FormControl, controls, is_blank, own_model
from studio.ui.lora_picker import LoraControlInputs, lora_inputs
from studio.ui.phrases import capitalised
from studio.ui.styles import styles
from studio.ui.uploads import safe_values
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow


@dataclass(frozen=True)
class ComponentForm:
    """A workflow's fields on the page, in the order of its controls."""

    workflow: Workflow
    fields: list[ComponentField]

    @property
    def components(self) -> list[Component]:
        """Every component, in the order that ``values`` expects."""
        return [one.component for one in self.fields]

    def values(self, given: tuple[Any, ...], output: Path) -> dict[str, Any]:
        """The job's values by name, from what the browser sends for ``components``; empty ones are left out."""
        values = {one.control.name: one.read(value, output) for one, value in zip(self.fields, given, strict=True)}
        return {name: value for name, value in values.items() if value is not None}

    def filled(self, values: dict[str, Any], output: Path) -> dict[Component, Any]:
        """The value of each component for a job's values; defaults where one is missing."""
        shown: dict[Component, Any] = {}
        for one in self.fields:
            value = values.get(one.control.name, one.control.default)
            if one.control.kind == "mask":
                value = masks.shown(values.get(_picture_of(self.fields)), value, output)
            if one.control.kind == "loras":
                value = self._lora_stack(one, value, values)
            shown[one.component] = one.write(value)
        return shown

    def connect_loras(self) -> None:
        """Tell each stack of LoRAs which model it must fit, now and whenever another model is chosen."""
        for one in self.fields:
            if one.control.kind != "loras":
                continue
            one.component.value = self._lora_stack(one, one.control.default, {})
            for model in (other for other in self.fields if other.control.name == self._lora_inputs(one).model):
                model.listen("change")(
                    None, [model.component, one.component], one.component, js=loras.FITTING, api_visibility="private",
                )  # fmt: skip

    def _lora_inputs(self, one: ComponentField) -> LoraControlInputs:
        return lora_inputs(self.workflow, one.control.name)

    def _lora_stack(self, one: ComponentField, value: Any, values: dict[str, Any]) -> dict[str, Any]:
        """The value of a stack, given a job's other values."""
        inputs = self._lora_inputs(one)
        prompts = [other.control.name for other in self.fields if other.control.kind == "prompt"]
        index = prompts.index(inputs.prompt) if inputs.prompt else -1
        return loras.shown(value, values.get(inputs.model) or inputs.default_model, index)


def draw(workflow: Workflow, session: Session, started: Component) -> ComponentForm:
    """Add the form to the page; the id of a run that it starts is written to ``started``."""
    definition = workflow.definition
    title, words = escape(definition.title), escape(definition.description)
    about = gr.HTML(
        f"<h1>{title}</h1><p>{words}</p>{_needs(workflow)}", elem_classes="about", padding=False,
        apply_default_css=False, js_on_load="trigger('load')",
    )  # fmt: skip
    first, more = [c for c in controls(workflow) if not c.more], [c for c in controls(workflow) if c.more]
    fields = _column(first, session.library)
    if more:
        with gr.Accordion("Advanced", open=False, elem_classes="more"):
            fields += _column(more, session.library)
    with gr.Column(elem_classes="bar"):
        problem = gr.HTML("", elem_classes="problem", padding=False, apply_default_css=False)
        gr.HTML('<p class="lost" role="alert" hidden></p>', padding=False, apply_default_css=False)
        button = gr.Button("Generate", variant="primary", elem_classes="generate")
    form = ComponentForm(workflow, fields)
    _connect_fields(fields)
    form.connect_loras()
    _store_in_browser(form, about)
    # Not preprocessed: Gradio would open pictures itself, refuse some of them, and not name the field.
    button.click(
        _submit(form, session), form.components, [started, problem], api_visibility="private", show_progress="hidden",
        concurrency_limit=None, preprocess=False,
    ).failure(
        None, None, None, js="() => document.dispatchEvent(new Event('studio:unstarted'))", api_visibility="private",
    )  # fmt: skip
    return form


def _needs(workflow: Workflow) -> str:
    """Which model the user has to add, and how."""
    if (own := own_model(workflow)) is None:
        return ""
    adding = {"model": "Add it with <code>studio models add</code>, then reload this page."}
    where = "Put it into the folder that <code>studio doctor</code> shows as parts, then reload this page."
    how = adding.get(own.kind, where)
    return f"<p class=needs><b>Needs a model of your own.</b> {escape(own.help)} {how}</p>"


def _store_in_browser(form: ComponentForm, about: gr.HTML) -> None:
    """Store the form's values in the browser, and restore them when the form is drawn again."""
    arguments = f"{json.dumps(form.workflow.name)}, {json.dumps([one.control.name for one in form.fields])}, values"

    def script(name: str) -> str:
        address = 'new URL("studio/form_storage.js", document.baseURI)'
        return f"(...values) => import({address}).then((storage) => storage.{name}({arguments}))"

    gr.on(
        [one.listen("change") for one in form.fields], None, form.components,
        api_visibility="private", js=script("save"),
    )  # fmt: skip
    about.load(None, form.components, form.components, api_visibility="private", js=script("restore"))


def _column(some: list[FormControl], library: Library) -> list[ComponentField]:
    fields = []
    for control in some:
        fields.append(field(control, library))
        if control.kind == "prompt" and control.required:
            _offer_styles()
    return fields


def _offer_styles() -> None:
    """Styles to click; the page's script adds their words to the prompt, where they can be edited."""
    offered = "".join(
        f'<button type=button data-words="{escape(words)}">{escape(name)}</button>' for name, words in styles().items()
    )
    gr.HTML(
        f"<details class=styles><summary>Add a style</summary><div>{offered}</div></details>", padding=False,
        apply_default_css=False,
    )  # fmt: skip


def _connect_fields(fields: list[ComponentField]) -> None:
    """Connect fields that depend on others: shown only for some value, or a mask over a picture."""
    by_name = {one.control.name: one for one in fields}
    for one in fields:
        if one.control.visible_if:
            _show_for(one, by_name[one.control.visible_if[0]], one.control.visible_if[1])
        if one.control.kind == "mask" and (name := _picture_of(fields)):
            by_name[name].listen("input")(
                None, by_name[name].component, one.component, js=masks.OVER, api_visibility="private",
            )  # fmt: skip


def _picture_of(fields: list[ComponentField]) -> str:
    """The name of the picture input that masks are painted on: the form's first."""
    return next((one.control.name for one in fields if one.control.kind == "picture"), "")


def _show_for(one: ComponentField, other: ComponentField, value: Any) -> None:
    one.component.visible = other.control.default == value

    def show(now: Any) -> Any:
        return gr.update(visible=now == value)

    other.listen("change")(
        show, other.component, one.component, api_visibility="private", show_progress="hidden", queue=False
    )


def _submit(form: ComponentForm, session: Session) -> Any:
    """The button's handler: queue the job and return its id, or an error message."""

    def submit(*given: Any) -> tuple[Any, str]:
        output = session.settings.output
        try:
            _refuse_empty(form, values := form.values(given, output))
            values = safe_values(form.workflow, values, output, session.library)
            return session.submit(Job.of(form.workflow, values, session.library)).id, ""
        except StudioError as error:
            return gr.skip(), _error_html(form, error)

    return submit


def _refuse_empty(form: ComponentForm, values: dict[str, Any]) -> None:
    for one in form.fields:
        emptied = (
            one.control.kind == "model" and one.control.default is not None
        )  # by a picture whose model is not installed
        if (one.control.required or emptied) and is_blank(values.get(one.control.name)):
            where = " (under Advanced)" if one.control.more else ""
            raise InputError(f"{_missing(one.control)}{where} first.")


def _missing(control: FormControl) -> str:
    """The instruction for an empty field: "Write a prompt"."""
    if control.kind in ("picture", "pictures"):
        return "Choose a picture"
    return _MISSING.get(control.label, f"Fill in {control.label}")


_MISSING: Final = {
    "Prompt": "Write a prompt",
    "Instruction": "Write an instruction",
    "Mask": "Paint a mask",
    "Model": "Choose a model",
    "ControlNet": "Choose a ControlNet",
    "IP-Adapter": "Choose an IP-Adapter",
}


def _error_html(form: ComponentForm, error: StudioError) -> str:
    """The error: a line with the label of each wrong field, or the whole message if no field is named."""
    wrong = error.wrong if isinstance(error, InputError) else {}
    controls = [one.control for one in form.fields if one.control.name in wrong]
    lines = [f"{control.label}: {wrong[control.name]}" for control in controls] or [capitalised(str(error))]
    return f"<p role=alert>{'<br>'.join(map(escape, lines))}</p>"
