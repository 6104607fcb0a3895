"""The whole page: header, cards, a form for each workflow, the stage."""

import json
from html import escape
from pathlib import Path
from typing import Any, Final, cast

import gradio as gr
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from gradio.components import Component
from gradio.utils import get_upload_folder
from pydantic import BaseModel, ValidationError
from starlette.routing import Mount

from studio.config import shipped
from studio.errors import InputError
from studio.library import Library
from studio.pictures.publish import output_errors
from studio.runtime.session import Session
from studio.server.guard import MAX_BODY
from studio.server.web import assets, forms, theme
from studio.server.web.fields import Field
from studio.server.web.gradio_requests import GradioRequests
from studio.ui import uploads
from studio.ui.controls import ease, live_choices, own_model
from studio.workflow.workflow import Workflow, workflow_names

_STATIC: Final = Path(__file__).with_name("static")
_HEAD: Final = (
    '<link rel="stylesheet" href="studio/style.css"><link rel="stylesheet" href="studio/gallery.css">'
    '<link rel="stylesheet" href="studio/batches.css">'
    '<link rel="stylesheet" href="studio/lora_stack.css">'
    '<link rel="icon" href="studio/icon.svg">'
    '<script type="module" src="studio/app.js"></script>'
)
_OURS: Final = [
    "studio/style.css", "studio/gallery.css", "studio/batches.css", "studio/lora_stack.css",
    "studio/fonts/instrument-sans.woff2",
    *(f"studio/{script}.js" for script in (
        "app", "activity", "batches", "brought", "chosen", "closer", "colour", "connection", "filling", "filters",
        "found", "gallery", "grid", "kept", "kin", "lora_stack", "loras", "make", "marks", "newbatch", "number",
        "sending", "server", "settings", "sheet", "square", "stage",
    )),
]  # fmt: skip


_Plain = str | int | float | bool | None


class _Recipe(BaseModel):
    """A picture's settings from the page's script. No value is an object: Gradio would take it for a file to serve."""

    workflow: str
    values: dict[str, _Plain | list[_Plain]]


def mount(app: FastAPI, session: Session) -> FastAPI:
    """The app with the web page at "/"; it needs the guard in front of it."""
    output = session.settings.output.absolute()
    with output_errors(output):
        output.mkdir(parents=True, exist_ok=True)
    blocks = page(session)
    app.add_middleware(assets.PageHeaders, addresses=[*assets.needed(_kinds(blocks)), *_OURS])
    app.mount("/assets", assets.Assets())
    app.mount("/studio/previews", StaticFiles(directory=shipped("assets") / "previews", check_dir=False))
    app.mount("/studio/fonts", StaticFiles(directory=shipped("assets") / "fonts"))
    app.mount("/studio", StaticFiles(directory=_STATIC, packages=[("studio.ui", "scripts")]))
    mounted: FastAPI = gr.mount_gradio_app(
        app, blocks, path="/", theme=theme.theme(), head=_HEAD, allowed_paths=[str(output)],
        max_file_size=MAX_BODY, footer_links=[], run_history=False, ssr_mode=False, show_error=False,
        favicon_path=str(_STATIC / "icon.svg"), enable_monitoring=False, pwa=False, mcp_server=False,
    )  # fmt: skip
    blocks.has_launched = True  # or Gradio checks no path at all
    gradio_app = cast(Mount, mounted.routes[-1])
    gradio_app.app = GradioRequests(gradio_app.app, blocks, Path(get_upload_folder()))
    return mounted


def _kinds(blocks: gr.Blocks) -> list[str]:
    return list(dict.fromkeys(block.get_block_name() for block in blocks.blocks.values()))


def page(session: Session) -> gr.Blocks:
    """The Gradio page for this session's workflows."""
    workflows = sorted(map(Workflow.builtin, workflow_names()), key=ease)
    blocks: gr.Blocks
    with gr.Blocks(title="Studio", fill_width=True, analytics_enabled=False, delete_cache=(3600, 86400)) as blocks:
        _html("header.html")
        gr.HTML(_cards(workflows), elem_id="start", padding=False, apply_default_css=False)
        with gr.Row(elem_id="work"):
            with gr.Column(elem_id="forms", min_width=320):
                started = gr.Textbox(elem_id="started", show_label=False, elem_classes="wire")
                with gr.Tabs(overflow_behavior="wrap"):
                    drawn = [_tab(workflow, session, started) for workflow in workflows]
            with gr.Column(elem_id="stage-column"):
                _html("stage.html")
        _html("activity.html")
        _html("gallery.html")
        _html("batches.html")
        _restoring({form.workflow.name: form for form in drawn}, session)
        fields = [one for form in drawn for one in form.fields if one.live(session.library)]
        _asking_live(blocks, fields, session.library)
    return blocks


def _asking_live(blocks: gr.Blocks, fields: list[Field], library: Library) -> None:
    """What there is to choose from is asked whenever the page is opened: a model may have come meanwhile."""

    def ask() -> dict[Component, Any]:
        return {one.part: gr.update(choices=list(live_choices(one.control, library))) for one in fields}

    blocks.load(ask, None, [one.part for one in fields], api_visibility="private", show_progress="hidden")


def _html(name: str) -> None:
    gr.HTML((_STATIC / name).read_text("utf-8"), padding=False, apply_default_css=False)


def _tab(workflow: Workflow, session: Session, started: Component) -> forms.Form:
    with gr.Tab(workflow.definition.title, id=workflow.name, elem_id=f"make-{workflow.name}"):
        return forms.draw(workflow, session, started)


def _cards(workflows: list[Workflow]) -> str:
    cards = "".join(_card(workflow) for workflow in workflows)
    return f"<h1>What would you like to make?</h1><ul class=cards>{cards}</ul>"


def _card(workflow: Workflow) -> str:
    name, definition = escape(workflow.name, quote=True), workflow.definition
    preview = next((shipped("assets") / "previews").glob(f"{workflow.name}.*"), None)
    picture = (
        f'<img src="studio/previews/{preview.name}" alt="" loading="lazy">' if preview else "<span class=blank></span>"
    )
    badge = "<em class=badge>Needs a model</em>" if own_model(workflow) else ""
    return (
        f'<li><button type=button class=card data-workflow="{name}">{picture}'
        f"<strong>{escape(definition.title)}</strong><span>{escape(definition.description)}</span>{badge}</button></li>"
    )


def _restoring(drawn: dict[str, forms.Form], session: Session) -> None:
    """A wire from the page's script: settings of a picture come in, and fill the form they belong to."""
    recipe = gr.Textbox(elem_id="recipe", show_label=False, elem_classes="wire")
    go = gr.Button("Restore", elem_id="restore", elem_classes="wire")
    note = gr.Textbox(elem_id="restored", show_label=False, elem_classes="wire")
    everything = [part for form in drawn.values() for part in form.parts]

    def restore(text: str) -> dict[Component, Any]:
        try:
            form, values, missing = _recipe(text, drawn, session.settings.output)
        except InputError as error:
            return {note: json.dumps({"problem": str(error), "of": text})}
        shown = form.filled(values, session.settings.output)
        return {**shown, note: json.dumps({"workflow": form.workflow.name, "missing": missing})}

    go.click(restore, recipe, [*everything, note], api_visibility="private", show_progress="hidden")


def _recipe(text: str, drawn: dict[str, forms.Form], output: Path) -> tuple[forms.Form, dict[str, Any], list[str]]:
    """The form, the values that fit it, and the labels of pictures that are no longer here."""
    try:
        asked = _Recipe.model_validate_json(text)
    except ValidationError:
        raise InputError("These are no settings that a form can be filled with.") from None
    if (form := drawn.get(asked.workflow)) is None:
        raise InputError(f"This picture was made with '{asked.workflow}', a workflow that is not here.")
    values, missing = dict(asked.values), []
    for one in form.fields:
        name = one.control.name
        if one.control.kind in uploads.PICTURES and values.get(name):
            values[name] = _found(values[name], output)
            missing += [] if values[name] else [one.control.label]
    return form, values, missing


def _found(value: Any, output: Path) -> Any:
    """The file of a picture that lies in the output folder; nothing for any other."""
    if isinstance(value, list):
        return [path for item in value if (path := _found(item, output))]
    path = uploads.contained(output, str(value))
    return str(path) if path else None
