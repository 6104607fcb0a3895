from random import Random

from studio.tools.spark.draw import paint
from studio.tools.spark.eval_loras import asked, measure
from studio.tools.spark.labels import Truth, held_out
from studio.tools.spark.styles import STYLES, styled


def test_a_style_that_keeps_what_is_shown_measures_so():
    truths = [Truth("icon", "heart", "red", "white"), Truth("icon", "cross", "yellow", "navy")]
    plain = [paint(truth, Random(n)) for n, truth in enumerate(truths)]
    changed = [styled(truth, n, STYLES["paper-cut-out"]) for n, truth in enumerate(truths)]
    wrong = plain[::-1]
    found = measure({"plain": plain, "paper-cut-out": changed, "wrong": wrong}, truths)
    assert found["plain"]["apart"] == 0 < found["paper-cut-out"]["apart"]
    assert found["paper-cut-out"]["colour"]["share"] == found["paper-cut-out"]["subject"]["share"] == 100
    assert found["wrong"]["colour"]["share"] == found["wrong"]["subject"]["share"] == 0


def test_it_asks_for_what_training_never_showed():
    wanted = asked(5)
    assert len(wanted) == 5 and wanted == asked(7)[:5]
    assert all(held_out(truth) and truth.style == "solid" for _, truth in wanted)
