from random import Random

import numpy as np
import pytest

from studio.tools.spark.captions import words
from studio.tools.spark.draw import draw, paint
from studio.tools.spark.labels import GRADIENTS, PATTERNS, SCENES, Truth, choose, held_out
from studio.tools.spark.palette import COLOURS, apart, nearest
from studio.tools.spark.shapes import SHAPES, plural


def test_there_is_enough_to_draw():
    assert len(SHAPES) >= 32
    assert len(COLOURS) >= 16
    assert len(PATTERNS) == 10
    assert len(SCENES) == 6


@pytest.mark.parametrize("seed", range(12))
def test_a_seed_decides_everything(seed):
    one, other = draw(seed), draw(seed)
    assert (one.caption, one.truth) == (other.caption, other.truth)
    assert one.image.tobytes() == other.image.tobytes()


@pytest.mark.parametrize("size", [(256, 256), (128, 128), (320, 192), (64, 256)])
def test_any_size_keeps_caption_and_truth(size):
    drawing = draw(3, size)
    assert drawing.image.size == size
    assert drawing.caption == draw(3).caption


@pytest.mark.parametrize("subject", [*SHAPES])
@pytest.mark.parametrize("style", ["solid", "outlined", "striped"])
def test_every_shape_in_every_style_shows_its_colour(subject, style):
    image = np.asarray(paint(Truth("icon", subject, "red", "white", style=style), Random(0)))
    red = (abs(image.astype(int) - COLOURS["red"]).sum(2) < 60).mean()
    assert 0.005 < red < 0.35


@pytest.mark.parametrize(
    "truth",
    [Truth("pattern", p, "blue", "yellow") for p in PATTERNS]
    + [Truth("gradient", g, "blue", "yellow") for g in GRADIENTS]
    + [Truth("scene", s) for s in SCENES],
)
def test_patterns_gradients_and_scenes_fill_the_picture(truth):
    image = np.asarray(paint(truth, Random(1), (128, 128))).astype(int)
    quarters = [image[y : y + 64, x : x + 64] for y in (0, 64) for x in (0, 64)]
    if truth.kind == "pattern":
        assert all({"blue", "yellow"} <= {nearest(tuple(c)) for c in q[::4, ::4].reshape(-1, 3)} for q in quarters)
    assert image.std() > 10


def test_captions_say_what_is_drawn():
    themes = {"black": "dark", "white": "light"}
    for seed in range(300):
        drawing = draw(seed, (64, 64))
        truth = drawing.truth
        if truth.kind == "icon":
            noun = truth.subject if truth.count == 1 or truth.second else plural(truth.subject)
            said = set(drawing.caption.replace(",", "").split())
            assert {noun, truth.colour} | ({truth.second} if truth.second else set()) <= said
            assert {truth.background, themes.get(truth.background)} & said
            assert ("shadow" in said) == (truth.style == "shadowed")
            assert apart(truth.colour, truth.background)


def test_wordings_vary_and_articles_are_right():
    captions = {draw(seed, (64, 64)).caption for seed in range(300)}
    assert len(captions) > 285
    assert not any(f"{' ' + c} ".count(" a orange ") or f" {c} ".count(" an red ") for c in captions)


@pytest.mark.parametrize(
    ("one", "many"), [("star", "stars"), ("leaf", "leaves"), ("fish", "fish"), ("cross", "crosses")]
)
def test_plurals(one, many):
    assert plural(one) == many


def test_held_out_drawings_never_come_up_in_training():
    rng = Random(0)
    trained = {(t.subject, t.colour, t.background) for t in (choose(rng) for _ in range(3000)) if t.kind == "icon"}
    kept = {(t.subject, t.colour, t.background) for t in (choose(rng, hold_out=True) for _ in range(300))}
    assert not trained & kept
    assert all(held_out(Truth("icon", *key)) for key in kept)


def test_the_vocabulary_is_small_and_holds_the_nouns():
    assert {"star", "stars", "sunset", "polka", "navy", "outlined"} <= set(words())
    assert len(words()) < 250
