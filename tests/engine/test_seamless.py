import numpy as np
import pytest

from studio.engine.engine import Engine
from studio.engine.pipelines import Pipelines
from studio.engine.seamless import seamless
from studio.models import library
from studio.steps import generate, tile

SMALL = {"steps": 2, "size": (64, 64)}


@pytest.fixture(scope="module")
def engine():
    return Engine(Pipelines("cpu"), (3,))


def seams(image):
    """How much stronger the edge is where the picture meets itself than the strongest inside: across, down."""
    pixels = np.asarray(image).astype(float)
    for axis in (1, 0):
        inside = np.abs(np.diff(pixels, axis=axis)).mean(axis=(1 - axis, 2))
        wrapped = np.abs(pixels.take(0, axis) - pixels.take(-1, axis)).mean()
        yield wrapped / inside.max()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_tile_has_no_seam(engine, seed):
    (image,) = tile.run(engine.for_seeds([seed]), "teal waves on cream", steps=6)
    across, down = seams(image)
    assert across <= 1
    assert down <= 1


def test_without_it_there_is_a_seam(engine):
    """Or the test above could not fail."""
    (image,) = generate.run(engine, "gradient from black to white, left to right", steps=6)
    across, _ = seams(image)
    assert across > 2


def test_only_the_wanted_edges_are_joined(engine):
    prompt = "gradient from black to white, diagonal"
    across, down = seams(tile.run(engine, prompt, "left and right", steps=6)[0])
    assert across <= 1 < down


def test_the_next_picture_is_as_ever(engine):
    before = generate.run(engine, "a red star on white", **SMALL)[0]
    tile.run(engine, "a red star on white", **SMALL)
    assert generate.run(engine, "a red star on white", **SMALL)[0] == before


def test_an_error_restores_too(engine):
    pipeline = engine.pipelines.get(library.find("spark"), "text-to-image")
    with pytest.raises(KeyboardInterrupt), seamless(pipeline):
        raise KeyboardInterrupt
    assert not any("_conv_forward" in vars(part) for part in [*pipeline.unet.modules(), *pipeline.vae.modules()])
