from random import Random

import numpy as np
import pytest

from studio.errors import InputError
from studio.tools.spark.draw import paint
from studio.tools.spark.labels import Truth
from studio.tools.spark.palette import COLOURS
from studio.tools.spark.styles import STYLES, example_pictures, examples, styled, write

TRUTH = Truth("icon", "star", "yellow", "navy", size="large")


@pytest.mark.parametrize("name", STYLES)
def test_a_style_keeps_shape_and_colours_and_is_another(name):
    picture = styled(TRUTH, 3, STYLES[name])
    flat = paint(TRUTH, Random(3))
    assert picture.size == flat.size == (256, 256)
    own = np.abs(np.asarray(picture).astype(int) - COLOURS["yellow"]).sum(2) < 12
    assert own.mean() > 0.02  # the colour itself, on the rim at least
    assert picture.getpixel((2, 2)) == COLOURS["navy"]
    difference = np.abs(np.asarray(picture).astype(int) - np.asarray(flat)).sum(2)
    assert (difference > 40).mean() > 0.1


def test_every_drawing_is_decided_by_its_number(tmp_path):
    (one, words), *_ = examples(STYLES["neon-glow"], 1)
    (again, same), *_ = examples(STYLES["neon-glow"], 2)
    assert one.tobytes() == again.tobytes() and words == same


def test_they_are_ready_for_training(tmp_path):
    from studio.train.dataset import examples as read

    write(tmp_path, STYLES["paper-cut-out"], 5)
    learned = read(tmp_path)
    assert len(learned) == 5 and all(one.size == (256, 256) for one in learned)
    assert len({one.caption for one in learned}) > 1


def test_examples_to_train_on_go_by_the_name_of_a_style(tmp_path):
    example_pictures(tmp_path / "own", "neon-glow", 2)
    assert sorted(file.name for file in (tmp_path / "own").iterdir()) == [
        "0001.png",
        "0001.txt",
        "0002.png",
        "0002.txt",
    ]
    with pytest.raises(InputError, match="did you mean 'neon-glow'"):
        example_pictures(tmp_path / "none", "neon-glw")
    assert not (tmp_path / "none").exists()
