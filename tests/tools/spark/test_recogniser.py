"""The reader is only worth something if it reads true drawings right, and wrong ones as wrong."""

from dataclasses import replace
from random import Random

import pytest
from PIL import Image

from studio.tools.spark.draw import draw, paint
from studio.tools.spark.labels import PATTERNS, Truth
from studio.tools.spark.measure import share
from studio.tools.spark.recogniser import read_icons, read_pair, read_pattern


@pytest.mark.slow
def test_true_drawings_are_read_right():
    drawings = [draw(50_000_000 + n, hold_out=True) for n in range(24)]
    hits = dict.fromkeys(("colour", "background", "subject", "count"), 0)
    for drawing in drawings:
        reading = read_icons(drawing.image, drawing.truth)
        for field in hits:
            hits[field] += getattr(reading, field) == getattr(drawing.truth, field)
    assert hits["colour"] == hits["background"] == 24
    assert hits["subject"] >= 22
    assert hits["count"] >= 22


@pytest.mark.parametrize("change", [{"subject": "moon"}, {"colour": "green"}, {"background": "black"}, {"count": 2}])
def test_a_wrong_picture_is_read_as_wrong(change):
    truth = Truth("icon", "star", "red", "white")
    reading = read_icons(paint(replace(truth, **change), Random(0)), truth)
    assert all(getattr(reading, field) == value for field, value in change.items())


def test_an_empty_picture_holds_nothing():
    truth = Truth("icon", "star", "red", "white")
    assert read_icons(Image.new("RGB", (256, 256), "white"), truth).count == 0


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_are_told_apart(name):
    assert read_pattern(paint(Truth("pattern", name, "red", "navy"), Random(1234))) == name


@pytest.mark.parametrize("name", PATTERNS)
def test_a_wobbly_pattern_is_read_and_one_torn_apart_is_not(name):
    drawn = paint(Truth("pattern", name, "red", "navy"), Random(1234))
    assert read_pattern(_wobbled(drawn, pixels=3)) == name
    assert read_pattern(_wobbled(drawn, pixels=40)) != name


def _wobbled(image: Image.Image, pixels: float) -> Image.Image:
    """The picture with every 16 pixels pulled somewhere else."""
    import numpy as np

    rng = np.random.default_rng(0)
    x, y = (
        np.asarray(Image.fromarray(rng.normal(0, pixels, (16, 16)).astype("float32")).resize((256, 256)))
        for _ in range(2)
    )
    rows, columns = np.mgrid[:256, :256]
    moved = np.asarray(image)[np.clip(rows + y, 0, 255).astype(int), np.clip(columns + x, 0, 255).astype(int)]
    return Image.fromarray(moved)


def test_noise_shows_no_pattern():
    noise = Image.effect_noise((256, 256), 80).convert("RGB")
    assert read_pattern(noise) == ""


def test_shares_come_with_wilsons_interval():
    assert share([True] * 90 + [False] * 10) == {"share": 90.0, "low": 82.6, "high": 94.5}


def test_two_different_things_are_read_from_left_to_right():
    truth = Truth("icon", "star", "red", "white", 2, second="cup")
    assert read_pair(paint(truth, Random(0)), truth) == ("star", "cup")
    one = replace(truth, count=1, second="", place="left")
    assert read_pair(paint(one, Random(0)), truth) == ("star", "")
