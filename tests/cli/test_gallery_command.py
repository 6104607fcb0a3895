"""``studio gallery``, through the command line's own door."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from studio.cli.app import main
from studio.workflow.job import Job
from tests.galleries.conftest import maker

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def studio(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["gallery", *map(str, arguments)])
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def make(tmp_path, text_to_image):
    (tmp_path / "pictures").mkdir()
    return maker(tmp_path / "pictures", Job.of(text_to_image, {"prompt": "x", "seed": 0}))


@pytest.fixture
def two(make):
    star = make("a navy star", 1, name="star", made="2026-11-01T00:00:00Z")
    return star, make("a moon", 2, name="moon", made="2026-11-02T00:00:00Z")


def test_find_prints_paths_newest_first(studio, two):
    star, moon = two
    assert studio("find")[:2] == (0, f"{moon.path}\n{star.path}\n")
    assert studio("find", "star", "-moon", "model:spark")[:2] == (0, f"{star.path}\n")
    assert studio("find", "-star")[:2] == (0, f"{moon.path}\n")
    assert studio("find", "fish")[:2] == (1, "")
    (line,) = studio("find", "seed:1", "--json")[1].splitlines()
    told = json.loads(line)
    assert (told["path"], told["prompt"], told["size"], told["made"][:10]) == (
        str(star.path),
        "a navy star",
        "16x16",
        "2026-11-01",
    )
    assert told["uses"] == [{"kind": "model", "name": "spark", "licence": "apache-2.0"}]


def test_a_folder_is_looked_through_from_then_on(studio, two, tmp_path):
    (tmp_path / "other").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "other" / "photo.jpg")
    assert studio("find", "--folder", "other")[1] == f"{tmp_path / 'other' / 'photo.jpg'}\n"
    assert studio("find")[1].count("\n") == 3
    code, _, err = studio("find", "--folder", "nowhere")
    assert (code, err) == (2, "studio: there is no folder 'nowhere'\n")


def test_wrong_words_are_one_line(studio, two):
    code, out, err = studio("find", "modle:spark")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "did you mean 'model'" in err
    assert studio("find", '"', "NEAR(", "*")[0] == 1


def test_mark_show_and_find_again(studio, two, make):
    star, _ = two
    asked = (
        "--rate",
        4,
        "--tag",
        "print",
        "--tag",
        "web",
        "--favourite",
        "--note",
        "for the cover",
        "--collection",
        "Spring 27",
    )
    assert studio("mark", star.path, *asked)[0] == 0
    assert studio("mark", star.path, "--no-tag", "web")[0] == 0
    assert (
        studio("find", "rating:4", "tag:print", "is:favourite", 'collection:"spring 27"', "-tag:web")[1]
        == f"{star.path}\n"
    )
    id_ = json.loads(studio("find", "star", "--json")[1])["id"]
    make("another star", 5, name="child", pins={"picture:image": id_})
    star.image.resize((32, 32)).save(star.path.with_name("larger.jpg"))
    _, out, _ = studio("show", id_[:10])
    for line in (
        f"file         {star.path}",
        "prompt       a navy star",
        "model        spark, licence apache-2.0 (claimed)",
        "rating       ★★★★",
        "note         for the cover",
        "tags         print",
        "led to ",
        "child.png, as image",
        "larger.jpg",
    ):
        assert line in out
    assert f"came from    {star.path}, as image" in studio("show", star.path.with_name("child.png"))[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mark", "pictures/star.png"), "nothing to change"),
        (("mark", "pictures/star.png", "--rate", "6"), "rating: 6 is not a rating"),
        (("mark", "--rate", "3"), "name at least one picture"),
        (("mark", "nowhere.png", "--rate", "3"), "the gallery has no picture 'nowhere.png'"),
        (("show", "zz"), "the gallery has no picture 'zz'"),
        (("restore", "pictures/star.png"), "not in the trash"),
        (("trash", "/etc/hostname"), "not in one of the gallery's folders"),
    ],
)
def test_what_cannot_be_done_is_one_line(studio, two, arguments, said):
    code, _, err = studio(*arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


def test_trash_restore_and_empty(studio, two):
    star, moon = two
    assert studio("trash", "pictures/star.png")[0] == 0
    assert not star.path.exists()
    assert studio("restore", "pictures/star.png")[1] == f"restored {star.path}\n"
    studio("trash", moon.path, star.path)
    (thrown, _) = studio("find", "is:trash")[1].splitlines()
    assert studio("restore", thrown)[0] == 0
    code, out, err = studio("empty")
    assert (code, out.startswith("in the trash: 1 picture, "), "--yes" in err) == (2, True, True)
    assert studio("empty", "--yes")[0] == 0
    assert studio("find", "is:trash")[0] == 1
    assert studio("empty", "--yes")[1] == "in the trash: 0 pictures, 0 kB\n"


def test_rebuild_says_what_it_found_and_what_not(studio, two, tmp_path, state):
    (tmp_path / "pictures" / "broken.png").write_bytes(b"x")
    code, out, err = studio("rebuild")
    assert (code, out) == (0, f"2 pictures in {tmp_path / 'pictures'}\n")
    assert "broken.png' is not a picture that can be read" in err
    (state / "gallery-1.sqlite").write_bytes(b"nonsense" * 1000)
    code, _, err = studio("find")
    assert (code, "studio gallery rebuild" in err) == (1, True)
    assert studio("rebuild")[0] == 0
    assert studio("find")[0] == 0


def test_it_is_light(tmp_path):
    code = (
        "import sys; from studio.cli.app import main\n"
        "try: main(['gallery', 'find'])\n"
        "except SystemExit: print(sorted({'torch', 'diffusers', 'transformers', 'gradio'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
