import json

import pytest
from PIL import Image

from studio.errors import InputError
from studio.images.image_file import ENDINGS
from studio.train.dataset import examples


def add(folder, name, size=(80, 80), colour="red", words="words", **saved):
    folder.mkdir(exist_ok=True)
    Image.new("RGB", size, colour).save(folder / name, **saved)
    if words:
        (folder / name).with_suffix(".txt").write_text(words, "utf-8")


def test_captions_stand_beside_in_a_table_or_are_one_for_all(tmp_path):
    add(tmp_path, "a.png", colour="red", words="  a red\n square ")
    add(tmp_path, "b.png", colour="blue", words="")
    add(tmp_path, "c.png", colour="lime", words="")
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "b.png", "text": "a blue square"}) + "\n\n")
    assert [one.caption for one in examples(tmp_path, "a square")] == ["a red square", "a blue square", "a square"]


def test_pictures_go_by_every_ending_that_can_be_opened(tmp_path):
    colours = ("red", "lime", "blue", "cyan", "white", "black", "navy", "teal", "olive", "gray")
    names = [f"{n}{ending.upper() if n % 2 else ending}" for n, ending in enumerate(ENDINGS)]
    assert ".avif" in ENDINGS
    for name, colour in zip(names, colours, strict=True):
        add(tmp_path, name, colour=colour, format="JPEG" if name.lower().endswith(".jfif") else None)
    assert sorted(one.path.name for one in examples(tmp_path)) == sorted(names)


def test_everything_wrong_is_named_at_once(tmp_path):
    add(tmp_path, "good.png", colour="red")
    add(tmp_path, "again.webp", colour="red", lossless=True)
    add(tmp_path, "tiny.png", size=(80, 20))
    add(tmp_path, "silent.png", colour="lime", words="")
    Image.new("1", (9000, 8000)).save(tmp_path / "huge.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff but no more")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "gone.png", "text": "nobody"}')
    with pytest.raises(InputError, match="6 of 6 pictures") as wrong:
        examples(tmp_path)
    told = wrong.value.wrong
    assert told["good.png"] == "is the same picture as again.webp"
    assert "80x20" in told["tiny.png"]
    assert "no caption" in told["silent.png"]
    assert "9000x8000" in told["huge.png"]
    assert "not a picture" in told["broken.jpg"]
    assert "does not exist" in told["gone.png"]
    assert all(name in str(wrong.value) for name in told)


def test_a_camera_held_upright_is_honoured(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    image = Image.new("RGB", (100, 70), "blue")
    image.paste("red", (0, 0, 50, 70))
    tmp_path.mkdir(exist_ok=True)
    image.save(tmp_path / "a.jpg", exif=exif)
    example = examples(tmp_path, "x")[0]
    assert example.size == (70, 100)
    red, _, blue = example.picture().getpixel((35, 10))
    assert red > 200 > blue  # what was left is on top


def test_what_is_transparent_lies_on_white(tmp_path):
    Image.new("RGBA", (80, 80), (200, 0, 0, 0)).save(tmp_path / "a.png")
    assert examples(tmp_path, "x")[0].picture().getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("line", ["no json", "[]", '{"file_name": "a.png"}', '{"file_name": "a.png", "text": 3}'])
def test_a_table_that_is_none_names_its_line(tmp_path, line):
    add(tmp_path, "a.png")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "fine"}\n' + line)
    with pytest.raises(InputError, match="line 2 "):
        examples(tmp_path)


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(InputError, match="no pictures"):
        examples(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        examples(tmp_path / "none")
