"""The whole page: header, start cards, a form for each workflow, the stage."""

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
from studio.server.web.fields import ComponentField
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
_PRELOADED: Final = [
    "studio/style.css", "studio/gallery.css", "studio/batches.css", "studio/lora_stack.css",
    "studio/fonts/instrument-sans.woff2",
    *(f"studio/{script}.js" for script in (
        "app", "activity", "batch_form", "batch_progress", "batches", "colour", "connection", "dom", "filters",
        "form_storage", "gallery", "grid", "grid_cell", "image_viewer", "import_report", "lineage", "lora_stack",
        "loras", "marks", "number", "search_results", "selection", "send_to", "server", "settings", "stage",
        "table_preview",
    )),
]  # fmt: skip


_Plain = str | int | float | bool | None


class _RecipeRequest(BaseModel):
    """A picture's settings from the page's script. Values are not objects, which Gradio could take for files."""

    workflow: str
    values: dict[str, _Plain | list[_Plain]]


def mount(app: FastAPI, session: Session) -> FastAPI:
    """The app with the web page at "/"; it needs the guard in front of it."""
    output = session.settings.output.absolute()
    with output_errors(output):
        output.mkdir(parents=True, exist_ok=True)
    blocks = page(session)
    app.add_middleware(assets.PageHeaders, addresses=[*assets.needed(_kinds(blocks)), *_PRELOADED])
    app.mount("/assets", assets.GradioAssets())
    app.mount("/studio/previews", StaticFiles(directory=shipped("assets") / "previews", check_dir=False))
    app.mount("/studio/fonts", StaticFiles(directory=shipped("assets") / "fonts"))
    app.mount("/studio", StaticFiles(directory=_STATIC, packages=[("studio.ui", "scripts")]))
    mounted: FastAPI = gr.mount_gradio_app(
        app, blocks, path="/", theme=theme.theme(), head=_HEAD, allowed_paths=[str(output)],
        max_file_size=MAX_BODY, footer_links=[], run_history=False, ssr_mode=False, show_error=False,
        favicon_path=str(_STATIC / "icon.svg"), enable_monitoring=False, pwa=False, mcp_server=False,
    )  # fmt: skip
    blocks.has_launched = True  # otherwise Gradio checks no paths
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
                    forms_by_tab = [_tab(workflow, session, started) for workflow in workflows]
            with gr.Column(elem_id="stage-column"):
                _html("stage.html")
        _html("activity.html")
        _html("gallery.html")
        _html("batches.html")
        _restore_handler({form.workflow.name: form for form in forms_by_tab}, session)
        fields = [one for form in forms_by_tab for one in form.fields if one.live(session.library)]
        _update_choices(blocks, fields, session.library)
    return blocks


def _update_choices(blocks: gr.Blocks, fields: list[ComponentField], library: Library) -> None:
    """Update the choices whenever the page is opened, because a model may have been added."""

    def choices() -> dict[Component, Any]:
        return {one.component: gr.update(choices=list(live_choices(one.control, library))) for one in fields}

    blocks.load(choices, None, [one.component for one in fields], api_visibility="private", show_progress="hidden")


def _html(name: str) -> None:
    gr.HTML((_STATIC / name).read_text("utf-8"), padding=False, apply_default_css=False)


def _tab(workflow: Workflow, session: Session, started: Component) -> forms.ComponentForm:
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


def _restore_handler(forms_by_name: dict[str, forms.ComponentForm], session: Session) -> None:
    """Hidden components through which the page's script fills a form with the settings of a picture."""
    recipe = gr.Textbox(elem_id="recipe", show_label=False, elem_classes="wire")
    go = gr.Button("Restore", elem_id="restore", elem_classes="wire")
    note = gr.Textbox(elem_id="restored", show_label=False, elem_classes="wire")
    components = [component for form in forms_by_name.values() for component in form.components]

    def restore(text: str) -> dict[Component, Any]:
        try:
            form, values, missing = _recipe(text, forms_by_name, session.settings.output)
        except InputError as error:
            return {note: json.dumps({"problem": str(error), "of": text})}
        filled = form.filled(values, session.settings.output)
        return {**filled, note: json.dumps({"workflow": form.workflow.name, "missing": missing})}

    go.click(restore, recipe, [*components, note], api_visibility="private", show_progress="hidden")


def _recipe(
    text: str, forms_by_name: dict[str, forms.ComponentForm], output: Path
) -> tuple[forms.ComponentForm, dict[str, Any], list[str]]:
    """The form, its values, and the labels of pictures that no longer exist."""
    try:
        request = _RecipeRequest.model_validate_json(text)
    except ValidationError:
        raise InputError("These settings cannot be used in a form.") from None
    if (form := forms_by_name.get(request.workflow)) is None:
        raise InputError(f"This picture was made with the workflow '{request.workflow}', which is not installed.")
    values, missing = dict(request.values), []
    for one in form.fields:
        name = one.control.name
        if one.control.kind in uploads.PICTURES and values.get(name):
            values[name] = _existing(values[name], output)
            missing += [] if values[name] else [one.control.label]
    return form, values, missing


def _existing(value: Any, output: Path) -> Any:
    """The file of a picture in the output folder; None for any other."""
    if isinstance(value, list):
        return [path for item in value if (path := _existing(item, output))]
    path = uploads.contained(output, str(value))
    return str(path) if path else None
