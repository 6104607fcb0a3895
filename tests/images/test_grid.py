import numpy as np
from PIL import Image

from studio.images.grid import captioned, sheet, stacked

RED, BLUE = Image.new("RGB", (40, 60), "red"), Image.new("RGB", (60, 40), "blue")


def test_pictures_stand_whole_in_their_cells():
    pixels = np.asarray(sheet([[RED, BLUE], [BLUE, RED]]))
    assert (pixels == (255, 0, 0)).all(2).sum() == (pixels == (0, 0, 255)).all(2).sum() == 2 * 40 * 60


def test_words_make_room_and_are_written():
    plain, labelled = sheet([[RED, BLUE]]), sheet([[RED, BLUE]], ["steps 4", "steps 8"], ["guidance 1"], "seed 3")
    assert labelled.width > plain.width
    assert labelled.height > plain.height
    pixels = np.asarray(labelled)
    assert (pixels[:12].max(2) < 240).sum() == 0
    assert (pixels.max(2) < 100).sum() > 50
    assert (pixels == (255, 0, 0)).all(2).sum() == 40 * 60


def test_large_pictures_are_shrunk():
    assert sheet([[Image.new("RGB", (2048, 1024))]]).size == (512 + 24, 256 + 24)


def test_pages_are_stacked():
    assert stacked([RED, BLUE]).size == (60, 100)


def test_a_row_is_as_long_as_asked_and_the_last_may_be_shorter():
    page = captioned([("red", RED), ("blue", BLUE), ("a third, with words too long for its width", RED)], across=2)
    pixels = np.asarray(page)
    assert page.width < 3 * 60
    assert (pixels == (255, 0, 0)).all(2).sum() == 2 * 40 * 60
