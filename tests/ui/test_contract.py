"""One definition, every surface: the same inputs, the same values, the same job, the same pixels."""

import base64
from pathlib import Path

import gradio as gr
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from studio.cli.flags import read_flags
from studio.config import Settings
from studio.notebook.panel import Panel
from studio.runtime.session import Session
from studio.server import api
from studio.server.web.forms import draw
from studio.ui.controls import controls
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow, workflow_names
from tests.served import CHOSEN

PICTURES = ("picture", "mask")


@pytest.fixture(scope="module")
def own(tmp_path_factory, folder_of_parts):
    home = tmp_path_factory.mktemp("home")
    session = Session(Settings(device="cpu", output=home / "out", state=home / "state", parts=folder_of_parts))
    yield session
    session.close()


@pytest.fixture(scope="module")
def start(own):
    """A picture in the output folder, where every surface may take one from; white, so that it is a mask too."""
    own.settings.output.mkdir(parents=True, exist_ok=True)
    path = own.settings.output.absolute() / "start.png"
    Image.new("RGB", (256, 256), "white").save(path)
    return path


pytestmark = pytest.mark.usefixtures("parts")


def asked(workflow, start):
    """A value for each input: its default, or something fitting; a seed, and two pictures."""
    fitting = {"picture": str(start), "mask": str(start), "prompt": "a red star", "text": "hello"}
    fitting |= CHOSEN
    stack = ["neon:0.8", "styles/paper:0.5:text=0:from=0.2:mid_block=0"]
    values = {}
    for control in controls(workflow):
        value = fitting[control.kind] if control.required or control.name == "prompt" else control.default
        values[control.name] = [value] if control.many and control.required else value
        if control.kind == "loras":
            values[control.name] = stack
    return {name: value for name, value in values.items() if value is not None} | {"seed": 9, "count": 2}


def by_flags(workflow, values, own):
    tokens = []
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            tokens.append(flag if value else f"--no-{name.replace('_', '-')}")
        else:
            tokens += [f"{flag}={'|'.join(map(str, value)) if isinstance(value, list) else value}"]
    return Job.of(
        workflow, {n: v for n, v in read_flags(workflow.name, workflow, tokens).values.items() if v is not None}
    )


def by_page(workflow, values, own):
    with gr.Blocks():
        form = draw(workflow, own, gr.Textbox())
    shown = form.filled(values, own.settings.output)
    sent = tuple(_as_sent(part, shown[part]) for part in form.components)
    return Job.of(workflow, form.values(sent, own.settings.output))


def _as_sent(part, shown):
    """What the browser sends for what a component shows: of a picture, where it was uploaded to."""
    return {"path": shown} if isinstance(part, gr.Image) and isinstance(shown, str) else shown


def by_panel(workflow, values, own):
    panel = Panel(own, workflow)
    panel.values = values
    return panel.values.job()


def by_http(workflow, values, own):
    kinds = {control.name: control.kind for control in controls(workflow)}
    sent = {
        name: base64.b64encode(Path(value).read_bytes()).decode() if kinds[name] in PICTURES else value
        for name, value in values.items()
    }
    answer = TestClient(api.build(own)).post("/api/jobs", json={"workflow": workflow.name, "values": sent})
    assert answer.status_code == 201, answer.text
    run = own.find(answer.json()["id"])
    run.cancel()
    return run.job


def same(job, workflow):
    """The job with each picture's file named by its content: surfaces keep a copy of what is dropped on them."""
    kinds = {control.name: control.kind for control in controls(workflow)}
    values = {
        name: job.pins.get(f"picture:{name}", value) if kinds[name] in PICTURES else value
        for name, value in job.values.items()
    }
    return job.model_copy(update={"values": values})


@pytest.mark.parametrize("surface", [by_flags, by_page, by_panel, by_http])
@pytest.mark.parametrize("name", workflow_names())
def test_the_same_values_give_the_same_job(name, surface, own, start):
    workflow = Workflow.load(name)
    values = asked(workflow, start)
    expected, found = Job.of(workflow, values), surface(workflow, values, own)
    assert same(found, workflow) == same(expected, workflow)


@pytest.mark.parametrize("name", workflow_names())
def test_the_schema_of_the_api_has_the_names_defaults_bounds_and_choices(name, own):
    workflow = Workflow.load(name)
    schema = TestClient(api.build(own)).get(f"/api/workflows/{name}").json()["schema"]
    assert set(schema["properties"]) == {control.name for control in controls(workflow)}
    assert set(schema.get("required", ())) == {c.name for c in controls(workflow) if c.required}
    for control in controls(workflow):
        shown = schema["properties"][control.name]
        shown = {**shown, **next((part for part in shown.get("anyOf", ()) if part.get("type") != "null"), {})}
        assert shown.get("default") == control.default
        if not control.many:
            assert (shown.get("minimum"), shown.get("maximum")) == (control.least, control.greatest)
            assert tuple(shown.get("enum", ())) == control.choices


@pytest.mark.parametrize("name", workflow_names())
def test_the_page_has_the_bounds_and_choices(name, own):
    workflow = Workflow.load(name)
    with gr.Blocks():
        form = draw(workflow, own, gr.Textbox())
    for field in form.fields:
        control, part = field.control, field.component
        if isinstance(part, gr.Slider):
            assert (part.minimum, part.maximum) == (control.least, control.greatest)
        elif control.kind in ("slider", "number", "seed") and not control.many:
            assert (part.props["least"], part.props["greatest"]) == (control.least, control.greatest)
        if control.choices and not control.many:
            assert [value for _, value in part.choices] == list(control.choices)


def test_the_same_job_gives_the_same_pixels_from_every_surface(own, start, text_to_image):
    values = {"prompt": "a red circle on white", "steps": 2, "seed": 3, "count": 1}
    jobs = [surface(text_to_image, values, own) for surface in (by_flags, by_page, by_panel, by_http)]
    at_once = [next(own.run(job)) for job in jobs]
    queued = own.submit(jobs[0]).wait(60)
    assert len({picture.image.tobytes() for picture in [*at_once, *queued]}) == 1
