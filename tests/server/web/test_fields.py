"""Every kind of control becomes a component, and values survive the way in and out."""

import base64
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image

from studio.errors import InputError
from studio.server.web import masks
from studio.server.web.fields import field
from studio.server.web.forms import draw
from studio.ui.controls import FormControl, controls
from studio.workflow.workflow import Workflow
from tests import here


def control(kind, **about):
    plain = {
        "name": "it", "label": "It", "help": "", "required": False, "default": None, "least": None, "greatest": None,
        "step": None, "choices": (), "unit": "", "more": False, "many": False, "visible_if": None,
    }  # fmt: skip
    return FormControl(kind=kind, **{**plain, **about})


@pytest.mark.parametrize(
    ("wanted", "component", "value"),
    [
        (control("prompt", default=""), gr.Textbox, "a star"),
        (control("text", default="x"), gr.Textbox, ""),
        (control("unheard-of"), gr.Textbox, "words"),
        (control("slider", least=0, greatest=1, step=0.01, default=0.5), gr.Slider, 0.25),
        (control("slider", least=1, step=1, default=3), gr.HTML, 4),
        (control("number", least=1, greatest=9, step=1), gr.HTML, None),
        (control("choice", choices=("a", "b"), default="a"), gr.Radio, "b"),
        (control("choice", choices=(1, 2, 4, 8, 16), default=1), gr.Dropdown, 8),
        (control("toggle", default=True), gr.Checkbox, False),
        (control("size"), gr.Dropdown, "512x768"),
        (control("size"), gr.Dropdown, None),
        (control("colour", default="#ffffff"), gr.HTML, "#102030"),
        (control("colour"), gr.HTML, None),
        (control("model", default="spark"), gr.Dropdown, "spark"),
        (control("seed"), gr.HTML, 7),
        (control("seed"), gr.HTML, None),
    ],
)
def test_a_value_comes_back_as_it_went_in(wanted, component, value, tmp_path):
    with gr.Blocks():
        drawn = field(wanted, here.library())
    assert isinstance(drawn.component, component)
    assert drawn.read(drawn.write(value), tmp_path) == value


@pytest.mark.parametrize(("value", "text"), [(["a", "b"], "a\nb"), (["a, b"], "a, b|"), (None, "")])
def test_a_list_is_written_as_the_form_reads_it(value, text, tmp_path):
    with gr.Blocks():
        drawn = field(control("prompt", many=True), here.library())
    assert drawn.write(value) == text
    assert drawn.read(text, tmp_path) == (text or None)


def test_a_picture_is_kept_as_it_is_where_a_later_run_finds_it(tmp_path):
    Image.new("RGB", (9, 9), "navy").save(sent := tmp_path / "sent.png")
    with gr.Blocks():
        drawn = field(control("picture"), here.library())
    kept = Path(drawn.read({"path": str(sent)}, tmp_path / "pictures"))
    assert kept.is_relative_to(tmp_path / "pictures")
    assert kept.read_bytes() == sent.read_bytes()
    assert drawn.read(None, tmp_path) is None


def test_a_mask_is_kept_as_the_page_painted_it(tmp_path):
    sent = mask(tmp_path / "mask.png", 255).read_bytes()
    address = f"data:image/png;base64,{base64.b64encode(sent).decode()}"
    kept = masks.file_of({"picture": "", "mask": address}, tmp_path / "pictures")
    assert Path(kept).read_bytes() == sent
    assert Path(kept).is_relative_to(tmp_path / "pictures")


def test_a_mask_that_was_painted_before_is_the_same_file_again(tmp_path):
    path = str(mask(tmp_path / "a mask #1.png", 255))
    assert masks.file_of(masks.shown(path, path, tmp_path), tmp_path) == path
    with pytest.raises(InputError):
        masks.file_of(masks.shown(path, path, tmp_path), tmp_path / "elsewhere")


def test_a_mask_on_which_nothing_is_painted_is_none(tmp_path):
    assert masks.file_of(masks.shown(None, str(mask(tmp_path / "black.png", 0)), tmp_path), tmp_path) is None
    assert masks.file_of(masks.shown(None, None, tmp_path), tmp_path) is None
    assert masks.file_of(None, tmp_path) is None


def mask(path, ink):
    image = Image.new("L", (10, 8))
    image.paste(ink, (2, 2, 5, 5))
    image.save(path)
    return path


def test_every_input_of_a_form_is_read_by_its_name(text_to_image, session, tmp_path):
    with gr.Blocks():
        form = draw(text_to_image, session, gr.Textbox())
    shown = form.filled({"prompt": "a star", "steps": 3, "seed": 5, "count": 2}, tmp_path)
    values = form.values(tuple(shown[part] for part in form.components), tmp_path)
    assert {"prompt": "a star", "steps": 3, "seed": 5, "count": 2}.items() <= values.items()
    assert {one.name for one in controls(text_to_image)} >= set(values)


def test_an_input_shows_only_while_another_has_its_value(write_workflow, session):
    workflow = Workflow.load(
        write_workflow(
            "title: x\ninputs:\n  prompt: a.prompt\n  sampler: a.sampler\n"
            "  guidance: {of: a.guidance, when: {sampler: DDIM}}\nsteps:\n  a: {use: generate}\n"
        )
    )
    with gr.Blocks() as page:
        form = draw(workflow, session, gr.Textbox())
    guidance = next(one for one in form.fields if one.control.name == "guidance")
    assert guidance.component.visible is False
    listener = next(each for each in page.fns.values() if each.targets[0][1] == "change")
    assert listener.fn("DDIM")["visible"] is True
    assert listener.fn("Euler")["visible"] is False
