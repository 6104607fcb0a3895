"""Drawings are exact; wobbly, clipped and mottled ones are not."""

from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from studio.tools.spark.draw import paint
from studio.tools.spark.labels import GRADIENTS, Truth
from studio.tools.spark.precision import MEASURED, local_deviation, outline_deviation


def icon(shape, size="large"):
    return paint(Truth("icon", shape, "yellow", "navy", size=size), Random(0))


@pytest.mark.parametrize("shape", MEASURED)
def test_a_drawing_is_exact(shape):
    assert outline_deviation(icon(shape), shape) < 0.35


def test_size_place_and_turn_are_fitted():
    moved = icon("square", "medium").rotate(7, Image.Resampling.BICUBIC, translate=(11, -6), fillcolor=(26, 42, 100))
    assert outline_deviation(moved, "square") < 0.45


@pytest.mark.parametrize("shape", MEASURED)
def test_edges_that_wobble_by_two_pixels_deviate_by_more_than_one(shape):
    rows, columns = np.mgrid[:256, :256]
    wave = 2.5 * np.sin(rows / 5), 2.5 * np.sin(columns / 5)
    pixels = np.asarray(icon(shape))
    wobbly = Image.fromarray(
        pixels[(rows + wave[1]).clip(0, 255).astype(int), (columns + wave[0]).clip(0, 255).astype(int)]
    )
    assert 1 < outline_deviation(wobbly, shape) < 4


def test_a_missing_tip_and_another_shape_deviate():
    clipped = icon("star")
    ImageDraw.Draw(clipped).rectangle((0, 0, 256, 60), fill=clipped.getpixel((2, 2)))
    assert outline_deviation(clipped, "star") > 1
    assert outline_deviation(icon("heart"), "circle") > 3


def test_nothing_there_is_far_off():
    assert outline_deviation(Image.new("RGB", (256, 256), "white"), "circle") > 50


@pytest.mark.parametrize("direction", GRADIENTS)
def test_a_gradient_is_smooth_and_a_mottled_one_is_not(direction):
    smooth = paint(Truth("gradient", direction, "blue", "pink"), Random(0))
    assert local_deviation(smooth) < 0.6
    spots = np.random.default_rng(0).normal(0, 8, (64, 64, 3)).repeat(4, 0).repeat(4, 1)
    mottled = Image.fromarray((np.asarray(smooth) + spots).clip(0, 255).astype("uint8"))
    assert local_deviation(mottled) > 2
