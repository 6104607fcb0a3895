import pytest

from studio.runtime.events import Step
from studio.ui.phrases import duration, progress


def test_progress_in_words():
    assert progress(Step(2, 4, 3, 20, 5.2)) == "picture 2 of 4, step 3 of 20, 5 s left"
    assert progress(Step(1, 1, 1, 20, None)) == "step 1 of 20"


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (99, "99 s"), (150, "2 min"), (7800, "2 h 10 min")])
def test_durations_are_as_exact_as_an_estimate(seconds, words):
    assert duration(seconds) == words
