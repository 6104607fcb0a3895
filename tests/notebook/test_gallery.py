"""The gallery without a browser: the messages a browser would send, and what is sent to it."""

import shutil

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import studio
from studio.config import Settings
from studio.errors import InputError
from studio.notebook.gallery import GalleryPanel
from studio.runtime.session import Session
from studio.workflow.job import Job
from tests.galleries.conftest import maker
from tests.notebook.test_panel import send, until


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def own(tmp_path, folder):
    session = Session(Settings(device="cpu", output=folder, state=tmp_path / "state"))
    yield session
    session.close()


@pytest.fixture
def make(own, folder, text_to_image):
    """Publishes a picture, which the gallery has at once."""
    publish = maker(folder, Job.of(text_to_image, {"prompt": "a star", "seed": 0}))

    def make(*given, **told):
        picture = publish(*given, **told)
        own.gallery.add(picture.path)
        return picture

    return make


@pytest.fixture
def opened(own):
    """Opens a gallery, once it has looked through the folders."""

    def open_(query=""):
        gallery = GalleryPanel(own, query)
        gallery._threads.submit(lambda: None).result(30)
        gallery.refresh()
        return gallery

    return open_


def sent(gallery, page=0):
    """What the browser gets for a page that it asks for."""
    told = []
    gallery.grid.send = lambda message, buffers: told.append((message, buffers))
    send(gallery.grid, {"page": page, "version": gallery.grid.version})
    until(lambda: told)
    return told[0]


def choose(gallery, number):
    send(gallery.grid, {"chosen": number, "version": gallery.grid.version})


def test_only_pages_that_are_asked_for_are_sent(make, opened):
    for seed in range(70):
        make("a star" if seed else "an old moon", seed)
    gallery = opened()
    assert (gallery.grid.total, gallery.grid.text) == (70, "70 pictures")
    message, jpegs = sent(gallery)
    assert (message["page"], len(message["items"]), len(jpegs)) == (0, 60, 60)
    assert all(jpeg.startswith(b"\xff\xd8") for jpeg in jpegs)
    message, jpegs = sent(gallery, 1)
    assert [item["label"] for item in message["items"]] == ["a star"] * 9 + ["an old moon"]
    assert "pictures" not in gallery.grid.get_state() and sum(map(len, map(str, gallery.grid.get_state()))) < 2000


def test_a_search_shows_what_it_finds_and_says_what_is_wrong(make, opened):
    make("a star", 1), make("a moon", 2)
    gallery = opened("star")
    assert gallery.grid.total == 1
    gallery.grid.query = "moon or"
    assert (gallery.grid.total, gallery.grid.text) == (0, "0 pictures")
    gallery.grid.query = "rating:9"
    assert gallery.grid.problem and "rating:9" in gallery.grid.text
    gallery.search("")
    assert (gallery.grid.total, gallery.grid.problem) == (2, False)
    with pytest.raises(InputError, match="did you mean 'rating'"):
        gallery.search("ratin:4")


def test_find_gives_pictures(make, opened):
    one, other = make("a star", 1), make("a moon", 2)
    gallery = opened()
    assert [picture.path for picture in gallery.find()] == [other.path, one.path]
    assert gallery.find("seed:1")[0].job.seed == 1
    assert gallery.find("rating:4") == []


def test_a_picture_chosen_shows_its_settings(make, opened):
    make("a star", 5, values={"steps": 7})
    gallery = opened()
    assert gallery.chosen is None
    choose(gallery, 0)
    assert gallery.chosen.job.seed == 5
    assert gallery.viewer.stage.picture == gallery.chosen.path.read_bytes()
    assert gallery.viewer.stage.alt == "a star"
    for said in ("<dt>Steps</dt><dd>7</dd>", "<dt>Seed</dt><dd>5</dd>", "spark, licence apache-2.0 (claimed)"):
        assert said in gallery.viewer.settings.value


def test_a_prompt_is_text_and_never_markup(make, opened):
    make("<b onclick=x>", 5)
    gallery = opened()
    choose(gallery, 0)
    assert "<b " not in gallery.viewer.settings.value and "&lt;b onclick" in gallery.viewer.settings.value


def test_what_one_says_is_kept_and_shown(own, make, opened):
    make("a star", 1)
    gallery = opened()
    choose(gallery, 0)
    for change in ({"rating": 4}, {"favourite": True}, {"tags": {"print": True}}, {"note": "for Ada"}):
        send(gallery.viewer.marks, {"mark": change})
    assert gallery.viewer.marks.marks["rating"] == 4 and gallery.viewer.marks.known["tags"] == ["print"]
    assert len(gallery.find("rating:4 is:favourite tag:print Ada")) == 1
    assert sent(gallery)[0]["items"][0]["word"] == "♥★★★★"
    send(gallery.viewer.marks, {"mark": {"tags": {"no\nline": True}}})
    assert "cannot be a tag" in gallery.viewer._problem.value
    send(gallery.viewer.marks, {"mark": {"tags": {"print": False}}})
    assert gallery.viewer.marks.marks["tags"] == [] and gallery.viewer._problem.layout.display == "none"


def test_the_trash_and_back(make, opened):
    picture = make("a star", 1)
    gallery = opened()
    choose(gallery, 0)
    gallery.viewer.trash.click()
    assert not picture.path.exists() and gallery.grid.total == 0
    assert gallery.viewer.trash.description == "Put back"
    gallery.search("is:trash")
    choose(gallery, 0)
    gallery.viewer.trash.click()
    assert picture.path.exists() and gallery.grid.total == 0
    gallery.search("")
    assert gallery.grid.chosen == 0


def test_kin_are_small_pictures_to_go_to(make, opened):
    parent = make("a star", 1)
    gallery = opened()
    pin = {"picture:image": gallery._gallery.entry(parent.path).id}
    child = make("a better star", 90, pins=pin)
    gallery.look(parent)
    until(lambda: gallery.viewer.related["Led to"].items)
    led = gallery.viewer.related["Led to"].items
    assert [item["label"] for item in led] == ["a better star"] and led[0]["jpeg"].startswith(b"\xff\xd8")
    send(gallery.viewer.related["Led to"], {"chosen": led[0]["key"]})
    assert gallery.chosen == child
    until(lambda: gallery.viewer.related["Came from"].items)
    assert [item["label"] for item in gallery.viewer.related["Came from"].items] == ["a star"]
    assert gallery.viewer._rows["Led to"].layout.display == "none"


def test_its_settings_go_into_a_form_below_and_what_it_makes_is_found(make, opened):
    make("a red circle on white", 3, values={"steps": 2})
    gallery = opened()
    choose(gallery, 0)
    gallery.viewer.use.click()
    assert (gallery.panel.values["prompt"], gallery.panel.values["seed"]) == ("a red circle on white", 3)
    assert gallery.panel.widget in gallery._below.children
    gallery.panel.results.add(make("a moon", 9))
    assert gallery.grid.total == 2


def test_files_that_came_from_elsewhere_and_files_that_went(make, opened, folder):
    picture = make("a star", 1)
    gallery = opened()
    shutil.copy(picture.path, folder / "copied.png")
    Image.new("RGB", (16, 16), "navy").save(folder / "plain.png")
    gallery.refresh()
    assert gallery.grid.total == 2  # one by content, and one of nobody's
    gallery.look(studio.Picture(folder / "plain.png"))
    assert gallery.viewer.use.disabled and "does not say how" in gallery.viewer.settings.value
    (folder / "plain.png").unlink()
    choose(gallery, gallery.grid.chosen)
    assert "cannot be read" in gallery.grid.text
    gallery.refresh()
    assert gallery.grid.total == 1


def test_a_click_on_what_is_shown_no_more_does_nothing(make, opened):
    make("a star", 1)
    gallery = opened()
    send(gallery.grid, {"chosen": 0, "version": gallery.grid.version - 1})
    send(gallery.grid, {"chosen": 7, "version": gallery.grid.version})
    assert gallery.chosen is None


def test_a_picture_of_another_tool_brings_its_settings(own, opened, folder):
    info = PngInfo()
    info.add_text("parameters", "a red fox\nNegative prompt: blurry\nSteps: 7, Sampler: Euler, Seed: 12, Size: 16x16")
    Image.new("RGB", (16, 16), "red").save(folder / "foreign.png", pnginfo=info)
    gallery = opened("fox")
    choose(gallery, 0)
    assert "<dt>Prompt</dt><dd>a red fox</dd>" in gallery.viewer.settings.value
    gallery.viewer.use.click()
    assert (gallery.panel.values["prompt"], gallery.panel.values["steps"]) == ("a red fox", 7)
