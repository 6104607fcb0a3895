"""Icons stand on the lattice, upright, in few sizes; lines are never thinner than can be learned."""

from random import Random

import numpy as np
import pytest

from studio.tools.spark.draw import paint
from studio.tools.spark.icons import icon_radius
from studio.tools.spark.labels import SIZES, STYLES, Truth, casts_shadow, choose
from studio.tools.spark.shapes import SHAPES


def ink(truth, seed=0):
    """How much of each pixel is ink, 0 to 1, of a black icon on white."""
    grey = np.asarray(paint(truth, Random(seed)).convert("L")).astype(float)
    return (grey.max() - grey) / (grey.max() - grey.min())


def icon(shape="square", **more):
    return Truth("icon", shape, "black", "white", **more)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("style", STYLES[:3])
def test_the_same_icon_elsewhere_is_the_same_pixels(shape, style):
    four = ink(icon(shape, count=4, style=style))
    quarters = [four[y : y + 128, x : x + 128] for y in (0, 128) for x in (0, 128)]
    assert all(np.array_equal(quarter, quarters[0]) for quarter in quarters)
    assert quarters[0].sum() > 400


@pytest.mark.parametrize("truth", [choose(Random(n)) for n in range(60)], ids=str)
def test_icons_begin_and_end_on_the_lattice(truth):
    if truth.kind == "icon":
        assert icon_radius(truth) * 32 in (4, 6, 10, 14)


def test_a_square_is_upright_and_in_the_middle():
    square = ink(icon())
    assert np.array_equal(square, square[::-1]) and np.array_equal(square, square[:, ::-1])


@pytest.mark.parametrize(("size", "count"), [("medium", 1), ("large", 1), ("medium", 4)])
def test_outlines_are_ten_pixels_wide_or_more(size, count):
    row = ink(icon(size=size, count=count, style="outlined"))[128 if count == 1 else 64]
    assert row.sum() / (2 if count == 1 else 4) >= 10


def test_stripes_are_twelve_pixels_wide_or_more():
    row = ink(icon("circle", size="large", style="striped"))[128, 60:196]
    edges = np.nonzero(np.diff((row > 0.5).astype(int)))[0]
    assert (np.diff(edges) * 0.5**0.5 >= 12).all() and len(edges) > 4


@pytest.mark.parametrize("size", SIZES)
def test_a_shadow_lies_below_and_is_lighter_than_the_icon(size):
    shadowed, plain = (ink(icon(size=size, style=style)) for style in ("shadowed", "solid"))
    shade = shadowed[plain == 0]
    assert shade.max() < 0.25
    bottom = np.nonzero(plain.any(1))[0].max()
    assert 0.05 < shadowed[bottom + 4, 128] < 0.25


def test_only_light_backgrounds_show_a_shadow():
    assert casts_shadow("red", "white") and casts_shadow("navy", "yellow")
    assert not casts_shadow("white", "black") and not casts_shadow("yellow", "white")
    assert all(
        casts_shadow(t.colour, t.background) for t in map(choose, map(Random, range(2000))) if t.style == "shadowed"
    )


def test_of_two_different_things_the_first_is_on_the_left():
    both = ink(icon("star", count=2, second="circle"))
    assert np.array_equal(both[:, :128], ink(icon("star", count=2), 0)[:, :128])
    assert np.array_equal(both[:, 128:], ink(icon("circle", count=2), 0)[:, 128:])
