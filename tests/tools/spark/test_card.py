"""The model card says what was measured and what can be asked for."""

import json

import pytest

from studio.config import shipped
from studio.tools.spark.card import card
from studio.tools.spark.shapes import SHAPES


@pytest.mark.slow
def test_the_card_is_written_from_the_figures(tmp_path):
    published = shipped("assets") / "spark"
    figures = json.loads((published / "measured.json").read_text())
    share = {"share": 81.5, "low": 78.1, "high": 84.4}
    figures |= {"pair": share, "edges": {"square": 0.71, "circle": 0.82, "star": 0.93}, "gradients": 1.25}
    (tmp_path / "measured.json").write_text(json.dumps(figures))
    (tmp_path / "trained.json").write_text((published / "trained.json").read_text())
    text = card(tmp_path)
    assert "| two different things | 81.5 % (78.1–84.4) | 80 % | – |" in text
    assert all(words in text for words in ("0.71, 0.82 and 0.93 pixels", "1.25 of 255 levels", ", ".join(SHAPES)))
    assert "{" not in text
