"""The training in a notebook, without a browser."""

import threading

import pytest

from studio.errors import Cancelled, InputError
from studio.notebook.training import Training
from studio.parameters.types import Size
from studio.train.config import TrainingConfig
from tests.train.conftest import model, pictures  # noqa: F401 fixtures


def course(pictures, model, **besides):  # noqa: F811
    given = {"steps": 6, "rank": 2, "size": Size(64, 64), "samples": ("a circle",), "out": pictures.parent / "loras"}
    return TrainingConfig(pictures, "brand", model("flux1"), **given | besides)


def test_it_shows_how_it_goes_and_gives_the_file(pictures, model):  # noqa: F811
    live = Training(course(pictures, model))
    assert live.wait() == pictures.parent / "loras" / "brand.safetensors"
    _, page, stop = live.children
    assert "done after step 6 of 6" in page.value and "data:image/jpeg" in page.value
    assert stop.disabled
    shown = live._repr_mimebundle_()
    assert shown["text/plain"] == "<training of 'brand'; run the cell to train it>"
    assert "done after step 6 of 6" in shown["text/html"]


def test_stop_keeps_what_was_learned_and_the_same_course_goes_on(pictures, model):  # noqa: F811
    long = course(pictures, model, steps=300)
    live = Training(long)
    begun = threading.Event()
    live.children[1].observe(lambda _: begun.set(), "value")
    assert begun.wait(60)
    live.children[2].click()
    with pytest.raises(Cancelled, match="the same command resumes"):
        live.wait()
    assert (long.folder / "training.state").exists()


def test_what_is_wrong_is_listed(pictures, model):  # noqa: F811
    for name in ("c.png", "d.png"):
        (pictures / name).write_text("none")
    live = Training(course(pictures, model))
    with pytest.raises(InputError):
        live.wait()
    assert "2 of 4 pictures" in live.children[1].value and "<li>c.png is not a picture" in live.children[1].value
