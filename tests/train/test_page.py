import re

from PIL import Image

from studio.train.cost import Cost
from studio.train.page import piece, write_page
from studio.train.progress import TrainingProgress, TrainingSample


def progress(tmp_path, **besides):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "s.png")
    samples = tuple(TrainingSample(step, words, tmp_path / "s.png") for step in (0, 50) for words in ("a <b>", "c"))
    given = {"losses": tuple(1 / (n + 1) for n in range(100)), "samples": samples, "seconds": 200.0}
    given |= {"seconds_left": 400.0, "seen": 800, "cost": Cost(7200, "measured by the GPU")}
    return TrainingProgress("My & brand", 100, 300, **given | besides)


def test_while_it_goes_on_the_page_reloads_itself_and_at_the_end_no_more(tmp_path):
    write_page(progress(tmp_path), tmp_path / "brand")
    assert 'http-equiv="refresh"' in (tmp_path / "brand" / "training.html").read_text("utf-8")
    write_page(progress(tmp_path, over="done"), tmp_path / "brand")
    assert "refresh" not in (tmp_path / "brand" / "training.html").read_text("utf-8")


def test_it_shows_how_far_it_is_the_curve_and_a_row_for_each_time(tmp_path):
    html = piece(progress(tmp_path))
    assert "My &amp; brand" in html and "a &lt;b&gt;" in html
    assert "step 100 of 300, loss 0.0" in html and "7 min left" in html
    assert html.count("<tr>") == 3 and html.count("data:image/jpeg;base64,") == 4
    heights = [float(point.split(",")[1]) for point in re.search(r'points="([^"]+)"', html)[1].split()]
    assert heights == sorted(heights)  # a falling loss falls


def test_at_the_end_it_says_what_it_took(tmp_path):
    html = piece(progress(tmp_path, over="stopped", losses=()))
    assert "stopped after step 100 of 300, 3 min, 800 pictures seen, 2 Wh (measured by the GPU)" in html
    assert "<polyline" not in html
