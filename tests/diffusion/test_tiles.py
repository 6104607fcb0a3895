from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from studio.diffusion.tiles import boxes, by_tiles
from studio.parameters.types import Size

TILE = Size(64, 64)


@pytest.mark.parametrize("whole", [(64, 64), (65, 64), (200, 130), (1000, 64)])
def test_boxes_cover_the_whole_and_overlap(whole):
    found = boxes(Size(*whole), TILE)
    covered = np.zeros(whole[::-1], int)
    for left, top, right, bottom in found:
        assert (right - left, bottom - top) == TILE
        covered[top:bottom, left:right] += 1
    assert covered.shape == whole[::-1]
    assert covered.min() >= 1
    starts = sorted({left for left, *_ in found})
    assert all(b - a <= 48 for a, b in pairwise(starts))


def picture(width, height):
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


@pytest.mark.parametrize("size", [(64, 64), (150, 100), (30, 90), (20, 20)])
def test_tiles_that_do_not_change_give_the_picture_back(size):
    image = picture(*size)
    assert by_tiles(image, TILE, lambda n, of, tile: tile) == image


def test_overlaps_are_blended_without_a_jump():
    gray = Image.new("RGB", (160, 64), (100, 100, 100))

    def change(n, of, tile):
        return Image.new("RGB", tile.size, (100 + 60 * n, 0, 0))

    red = np.asarray(by_tiles(gray, TILE, change))[32, :, 0].astype(int)
    assert (red[0], red[-1]) == (100, 220)
    assert np.abs(np.diff(red)).max() < 20


def test_change_hears_which_tile_it_is():
    heard = []
    by_tiles(picture(160, 64), TILE, lambda n, of, tile: heard.append((n, of)) or tile)
    assert heard == [(0, 3), (1, 3), (2, 3)]
