"""The panel without a browser: values and widgets, runs and pictures, the messages a browser would send."""

import io
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from studio.config import Settings
from studio.errors import InputError
from studio.notebook.fields import field
from studio.notebook.panel import Panel
from studio.notebook.picture_fields import MaskField
from studio.notebook.results import takes_picture
from studio.notebook.thumbnail import thumbnail
from studio.runtime.session import Session
from studio.ui.controls import FormControl, controls
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow, workflow_names
from tests import here
from tests.served import CHOSEN
from tests.server import foreign

QUICK = {"prompt": "a red circle on white", "steps": 2, "seed": 7}
LONG = {**QUICK, "steps": 150, "count": 20}


@pytest.fixture
def own(tmp_path, folder_of_parts):
    settings = Settings(device="cpu", output=tmp_path / "out", state=tmp_path / "state", parts=folder_of_parts)
    session = Session(settings)
    yield session
    session.close()


@pytest.fixture
def panel(own):
    return Panel(own, Workflow.load("text-to-image"), pick=True)


def send(piece, message, *buffers):
    """What the browser would send to a piece."""
    piece._handle_custom_msg(message, [memoryview(buffer) for buffer in buffers])


def until(true, seconds=30):
    for _ in range(seconds * 50):
        if true():
            return
        time.sleep(0.02)
    pytest.fail("it did not happen")


def samples(workflow, picture):
    """A value for each required control, and for the prompt, which a grid needs for the workflow that it runs."""
    given = {"picture": str(picture), "mask": str(picture), "prompt": "a star", "text": "a star", **CHOSEN}
    return {
        c.name: [given[c.kind]] if c.many else given[c.kind]
        for c in controls(workflow)
        if c.required or c.name == "prompt"
    }


@pytest.mark.parametrize("name", workflow_names())
def test_fields_are_the_controls(own, name):
    workflow = Workflow.load(name)
    fields = Panel(own, workflow).values.fields
    assert list(fields) == [control.name for control in controls(workflow)]
    for control in controls(workflow):
        field = fields[control.name]
        assert (getattr(field.widget, "label", "") or "").startswith(control.label) or control.label in str(
            [getattr(w, "description", "") for w in (field.widget, *getattr(field.widget, "children", ()))]
        )
        if control.kind in ("slider", "number", "seed") and not control.many:
            shown = field.widget
            assert (shown.least, shown.greatest, shown.step) == (control.least, control.greatest, control.step)
        if control.choices and not control.many:
            assert set(control.choices) <= {value for _, value in field.widget.options}
        if control.default is not None:
            assert field.read() == control.default


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("name", workflow_names())
def test_the_form_gives_the_job_that_code_gives(own, name, pictures):
    workflow = Workflow.load(name)
    values = {**samples(workflow, pictures[0].path), "seed": 11, "count": 2}
    panel = Panel(own, workflow)
    panel.values = values
    assert panel.values.job() == Job.of(workflow, values)


def test_values_move_widgets_and_widgets_values(panel):
    panel.values["steps"] = 8
    assert panel.values.fields["steps"].widget.value == 8
    panel.values.fields["prompt"].widget.value = "a blue star"
    assert panel.values["prompt"] == "a blue star"
    panel.values = {"size": "320x128", "guidance": 3.5}
    assert (panel.values["size"], panel.values["guidance"]) == ("320x128", 3.5)
    del panel.values["steps"]
    assert panel.values["steps"] is None
    with pytest.raises(InputError, match="did you mean 'steps'"):
        panel.values["stepz"] = 1


def test_generate_returns_at_once_and_its_pictures_arrive(panel):
    panel.values = {**QUICK, "count": 2}
    run = panel.generate()
    assert [picture.job.seed for picture in run.wait(60)] == [7, 8]
    until(lambda: panel.bar.text == "Done, 2 pictures")
    assert [picture.path for picture in panel.pictures] == [picture.path for picture in run.pictures]
    assert panel.results.stage.picture == run.pictures[1].path.read_bytes()
    assert panel.results.stage.file == run.pictures[1].path.name
    assert panel.results.stage.alt == QUICK["prompt"]
    assert not panel.bar.running


def test_the_keys_of_a_prompt_carry_its_text(panel):
    panel.values = QUICK
    send(panel.values.fields["prompt"].widget, {"action": "generate", "value": "a navy moon"})
    until(lambda: panel.pictures)
    assert panel.pictures[0].job.values["prompt"] == "a navy moon"


def test_stop_ends_it_within_a_step_and_previews_were_seen(panel):
    panel.values = LONG
    seen = []
    panel.results.stage.observe(lambda change: seen.append(change["new"]), "picture")
    run = panel.generate()
    until(lambda: len(seen) > 1)
    assert seen[0].startswith(b"\xff\xd8")
    assert panel.bar.running
    assert 0 < panel.bar.fraction < 1
    assert "of 150" in panel.bar.text
    send(panel.bar, {"action": "stop"})
    until(lambda: run.state == "cancelled")
    until(lambda: panel.bar.text.startswith("Stopped"))
    assert not panel.bar.running


def test_a_second_run_waits_behind_the_first(panel):
    panel.values = LONG
    first, second = panel.generate(), panel.generate()
    until(lambda: "1 more waiting" in panel.bar.text)
    panel.stop()
    until(lambda: first.state == "cancelled")
    panel.stop()
    until(lambda: second.state == "cancelled")


def test_what_is_wrong_is_said_by_its_field(panel):
    panel.values = {**QUICK, "steps": 500}
    with pytest.raises(InputError, match="steps"):
        panel.generate()
    send(panel.bar, {"action": "generate"})
    assert "150" in panel.values.fields["steps"].problem
    assert panel.bar.problem
    panel.values["steps"] = 2
    send(panel.bar, {"action": "generate"})
    until(lambda: panel.pictures)
    assert panel.values.fields["steps"].problem == ""


def test_a_missing_picture_is_said_by_its_field(own):
    panel = Panel(own, Workflow.load("image-to-image"))
    send(panel.bar, {"action": "generate"})
    assert "Required" in panel.values.fields["image"].problem
    assert own.runs() == []


@pytest.mark.parametrize("prompt", ["", "  "])
def test_an_empty_prompt_is_refused_beside_its_field(panel, own, prompt):
    panel.values["prompt"] = prompt
    send(panel.bar, {"action": "generate"})
    assert "Required" in panel.values.fields["prompt"].problem
    assert own.runs() == []


def test_a_dropped_picture_brings_back_its_settings(panel, pictures):
    data = pictures[1].path.read_bytes()
    send(panel.restoring, {"name": "one.png", "part": 0, "parts": 2}, data[:1000])
    send(panel.restoring, {"name": "one.png", "part": 1, "parts": 2}, data[1000:])
    job = pictures[1].job
    assert panel.values.job() == job


def test_a_dropped_picture_of_another_tool_fills_the_form_and_says_what_did_not_fit(panel, tmp_path):
    data = foreign.picture(tmp_path / "x.png").read_bytes()
    send(panel.restoring, {"name": "x.png", "part": 0, "parts": 1}, data)
    assert (panel.values["prompt"], panel.values["seed"], panel.values["model"]) == ("three green leaves", 77, None)
    assert panel.bar.text == "Settings of x.png"
    for words in ("From A1111 v1.6.0", "model dream (879db523c3)", "LoRA gone", "ENSD 31337"):
        assert words in panel.import_note.value
    panel._act("generate")
    assert panel.values.fields["model"].problem == "Choose a model"
    panel.values["model"] = "spark"
    assert panel.values.job().models() == ["spark"]
    panel.open("hires")
    assert panel.import_note.value == ""


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_what_carries_no_settings_changes_nothing(panel, data):
    panel.values = QUICK
    before = dict(panel.values)
    send(panel.restoring, {"name": "x.png", "part": 0, "parts": 1}, data)
    assert panel.bar.problem
    assert "x.png" in panel.bar.text
    assert dict(panel.values) == before


def test_a_picture_without_settings_is_refused_in_words(panel, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    with pytest.raises(InputError, match="has no settings"):
        panel.restore(tmp_path / "plain.png")


def test_a_picture_goes_on_to_every_workflow_that_takes_one(panel, pictures):
    panel.results.add(pictures[0])
    offered = {value for _, value in panel.results.destinations.options if value}
    assert offered == {name for name in workflow_names() if takes_picture(Workflow.load(name))}
    panel.results.destinations.value = "image-to-image"
    assert panel.workflow.name == "image-to-image"
    assert panel.values["image"] == str(pictures[0].path)
    assert panel.values["prompt"] == pictures[0].job.values["prompt"]
    assert panel.results.destinations.value == ""


def test_a_dropped_start_picture_is_kept_as_it_is(own, pictures, tmp_path):
    panel = Panel(own, Workflow.load("image-to-image"))
    data = pictures[0].path.read_bytes()
    zone = panel.values.fields["image"].widget
    send(zone, {"name": "mine.png", "part": 0, "parts": 1}, data)
    kept = panel.values["image"]
    assert Path(kept).read_bytes() == data
    assert zone.words == "mine.png"
    send(zone, {"clear": True})
    assert panel.values["image"] is None


def test_several_pictures_come_at_once_and_a_wrong_one_is_named(pictures, tmp_path):
    several = field(control("picture", many=True), tmp_path, here.library())
    data = [pictures[0].path.read_bytes(), b"no picture", pictures[1].path.read_bytes()]
    send(several.widget, {"coming": len(data)})
    for name, one in zip(("a.png", "notes.txt", "b.png"), data, strict=True):
        send(several.widget, {"name": name, "part": 0, "parts": 1}, one)
    assert [Path(path).read_bytes() for path in several.read()] == [data[0], data[2]]
    assert several.problem.startswith("'notes.txt': ")
    assert len(several.widget.pictures) == 2
    assert several.widget.words.startswith("2 chosen")
    send(several.widget, {"clear": True})
    assert (several.read(), several.problem, several.widget.pictures) == ([], "", [])


def test_vary_keeps_the_settings_and_draws_a_seed(panel):
    panel.values = QUICK
    panel.generate().wait(60)
    until(lambda: panel.pictures)
    panel.results.vary.click()
    until(lambda: len(panel.pictures) == 2)
    first, second = (picture.job for picture in panel.pictures)
    assert first.values == second.values
    assert first.seed != second.seed


def test_history_shows_earlier_runs_and_retries_an_unfinished_one(own, tmp_path):
    panel = Panel(own, Workflow.load("text-to-image"))
    panel.values = LONG
    run = panel.generate()
    until(lambda: panel.bar.fraction)
    own.close()  # as when the kernel ends
    later = Session(own.settings)
    panel = Panel(later, Workflow.load("text-to-image"))
    panel.history.opened.value = True
    (item,) = panel.history.strip.items
    assert item["word"] == "Interrupted"
    send(panel.history.strip, {"chosen": item["key"]})
    panel.history.again.click()
    until(lambda: panel.bar.running)
    assert later.find(run.id).state in ("queued", "running")
    later.close()


def test_compare_lays_a_picture_over_what_it_came_from(panel, pictures):
    panel.results.add(pictures[0])
    panel.results.add(pictures[1])
    panel.results.end_preview()  # as at the end of a run
    panel.results.toggle.value = True
    assert panel.results.compare.before == thumbnail(pictures[0].path, 1024)
    assert panel.results.compare.after == pictures[1].path.read_bytes()
    assert panel.results.compare.layout.display == ""
    assert panel.results.stage.layout.display == "none"


def test_a_painted_mask_is_a_file_when_it_is_asked_for(pictures, tmp_path):
    mask = MaskField(control("mask"), tmp_path)
    mask.paint_over(pictures[0].path)
    assert Image.open(io.BytesIO(mask.widget.picture)).size == pictures[0].image.size
    stream = io.BytesIO()
    Image.new("L", (256, 256), 255).save(stream, "PNG")
    send(mask.widget, {"name": "mask.png", "part": 0, "parts": 1}, stream.getvalue())
    assert list(tmp_path.iterdir()) == []
    assert Path(mask.read()).read_bytes() == stream.getvalue()
    mask.paint_over(pictures[1].path)
    assert mask.read() is None


def test_a_colour_and_a_list_may_be_empty(tmp_path):
    colour = field(control("colour"), tmp_path, here.library())
    assert colour.read() is None
    colour.write("navy")
    assert colour.read() == "navy"
    numbers = field(control("number", many=True, least=1.0, default=[1, 2.5]), tmp_path, here.library())
    assert numbers.read() == [1, 2.5]
    numbers.widget.value = "3\n\nfour\n"
    assert numbers.read() == [3, "four"]


@pytest.mark.parametrize(("kind", "some"), [("size", "512x512"), ("choice", "b")])
def test_a_list_says_so_while_nothing_is_chosen(kind, some, tmp_path):
    made = field(control(kind, choices=("a", "b")), tmp_path, here.library())
    menu = made.widget.children[0] if kind == "size" else made.widget
    made.write(some)
    assert made.read() == some
    made.write(None)
    assert (made.read(), menu.label, menu.index) == (None, "Auto", 0)


def control(kind, **changes):
    plain = FormControl("x", kind, "X", "", False, None, None, None, None, (), "", False, False, None)
    return replace(plain, **changes)


@pytest.mark.usefixtures("parts")
def test_the_stack_of_loras_shows_what_fits_the_model_and_its_words_go_into_the_prompt(panel, card, monkeypatch):
    stack = panel.values.fields["loras"].widget
    assert stack.cards == []  # nothing is read before somebody looks
    send(stack, {"opened": True})
    assert [(one["name"], bool(one["problem"])) for one in stack.cards] == [
        ("neon", False), ("styles/paper", False), ("xl", True),
    ]  # fmt: skip
    sent = []
    monkeypatch.setattr(stack, "send", lambda message, buffers: sent.append((message, buffers[0][:2])))
    send(stack, {"preview": "neon"})
    send(stack, {"preview": "xl"})
    assert sent == [({"preview": "neon"}, b"\xff\xd8"), ({"preview": "xl"}, b"")]
    panel.values["prompt"] = "a star"
    send(stack, {"word": "neon lines"})
    assert panel.values["prompt"] == "a star, neon lines"
    send(stack, {"word": "neon lines"})
    assert panel.values["prompt"] == "a star"
    panel.values["model"] = str(card("sdxl").path)
    assert stack.cards[0]["problem"]


@pytest.mark.usefixtures("parts")
def test_a_stack_is_a_list_of_texts(panel):
    panel.values = {**QUICK, "loras": ["neon:0.5"]}
    assert [one["name"] for one in panel.values.fields["loras"].widget.cards][:1] == ["neon"]
    panel.values.fields["loras"].widget.value = ["neon:.25:to=0.5"]
    assert panel.values.job().values["loras"] == ["neon:0.25:to=0.5"]
    panel.values["loras"] = ["neon:much"]
    panel._act("generate")
    assert "is not a valid LoRA" in panel.values.fields["loras"].problem
