"""The contact sheet, also in a real browser from the disk."""

import os
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from PIL import Image

from studio.batches import contact_sheet, manifest
from studio.batches.batch import Batch
from studio.batches.run_batch import fill
from studio.errors import InputError
from tests.server.browser import chromium
from tests.torture import fake

NASTY = '"><script>document.title = "taken over"</script><img src=x onerror=alert(1)>'


class Large(fake.Executor):
    """Pictures large enough to be looked at; row 3 fails."""

    def draw(self, job):
        if job.seed == 3:
            raise InputError(f"no {NASTY}")
        colour = [(job.seed * step) % 256 for step in (53, 97, 31)]
        return Image.new("RGB", (640, 400 + 20 * job.seed), tuple(colour))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "ünï #1 & more"


def batch(count=4):
    plain = fake.batch(count)
    odd = replace(plain.tasks[0], place=PurePosixPath("50% a#b?c:d é.png"), cells={"subject": NASTY})
    return Batch(plain.workflow, [odd, *plain.tasks[1:]], plain.columns)


def written(out, count=4):
    fill(batch(count), out, Large(), lambda event: None)
    return out / contact_sheet.PAGE


def test_pages_of_png_show_every_picture(out):
    written(out, 42)
    pages = sorted((out / contact_sheet.FOLDER).glob("page-*.png"))
    assert [page.name for page in pages] == ["page-1.png", "page-2.png"]
    with Image.open(pages[0]) as first, Image.open(pages[1]) as second:
        assert second.height < first.height
        colours = {colour for _, colour in first.convert("RGB").getcolors(2**20)}
    assert len(colours) > 35
    assert len(list((out / contact_sheet.FOLDER).glob("*.jpg"))) == 41


def test_only_what_is_new_is_drawn(out):
    written(out)
    stamps = {path: path.stat().st_mtime_ns for path in (out / contact_sheet.FOLDER).iterdir()}
    contact_sheet.write(out)
    assert {path: path.stat().st_mtime_ns for path in (out / contact_sheet.FOLDER).iterdir()} == stamps
    written(out, 6)
    changed = {path.name for path in stamps if path.stat().st_mtime_ns != stamps[path]}
    assert changed == {"page-1.png"}


def test_of_pictures_that_are_gone_nothing_stays(out):
    page = written(out)
    (out / batch().tasks[1].place).unlink()
    contact_sheet.write(out)
    assert len(list((out / contact_sheet.FOLDER).glob("*.jpg"))) == 2
    assert page.read_text().count("<figure") == 2


def test_somebody_elses_files_are_left_as_they_are(out):
    written(out)
    theirs = out / contact_sheet.FOLDER / "page-1.png"
    Image.new("RGB", (8, 8)).save(theirs)
    content = theirs.read_bytes()
    with pytest.raises(InputError, match=r"page-1\.png' is another file"):
        contact_sheet.write(out)
    assert theirs.read_bytes() == content
    (out / contact_sheet.PAGE).write_text("mine")
    with pytest.raises(InputError, match="was not written by a batch"):
        contact_sheet.write(out)


def test_a_picture_whose_pixels_are_damaged_is_shown_as_missing(out):
    written(out)
    entries = list(manifest.lines(out))
    file = out / entries[1].file
    content = bytearray(file.read_bytes())
    content[-40:-20] = os.urandom(20)
    file.write_bytes(content)
    next((out / contact_sheet.FOLDER).glob(f"{entries[1].key[:32]}.jpg")).unlink()
    assert contact_sheet.write(out).read_text().count("<figure") == 3


def test_a_browser_shows_and_filters_it_from_the_disk(out):
    page_file = written(out)
    with chromium() as browser:
        page = browser.new_page()
        heard, asked = [], []
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        page.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth)")
        assert page.locator("figure").count() == 3
        assert page.title() == "ünï #1 & more"
        assert NASTY in page.locator("table").inner_text()
        assert "50% a#b?c:d é.png" in page.locator("figcaption").first.inner_text()
        assert page.goto(page.locator("figure a").first.evaluate("link => link.href")).ok
        page.go_back()
        page.fill("input", "STAR 1")
        assert page.locator("figure:visible").count() == 1
        assert page.locator("output").inner_text() == "1 of 3"
    assert not heard
    assert all(url.startswith("file:") for url in asked)
