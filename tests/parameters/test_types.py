import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from studio.parameters.types import AxisText, Colour, ExactSize, Loras, Picture, Seed, Size


@pytest.mark.parametrize("text", ["512x768", "512×768", (512, 768), [512, 768]])
def test_size_is_read_from_what_people_write(text):
    assert Size.parse(text) == Size(512, 768)


@pytest.mark.parametrize("text", ["512", "x", "10x20", "4096x64", "65x64", "-64x64", None, 5, "1x2x3"])
def test_bad_sizes_are_refused(text):
    with pytest.raises(ValueError, match="WIDTHxHEIGHT|multiple of 8"):
        Size.parse(text)


def test_size_is_json_text():
    assert TypeAdapter(Size).dump_python(Size(64, 128), mode="json") == "64x128"


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_bounds(seed):
    with pytest.raises(ValidationError):
        TypeAdapter(Seed).validate_python(seed)


def test_picture_must_be_readable(tmp_path):
    adapter = TypeAdapter(Picture)
    good, bad, cut = tmp_path / "good.png", tmp_path / "bad.png", tmp_path / "cut.png"
    Image.new("RGB", (64, 64)).save(good)
    bad.write_text("not a picture")
    cut.write_bytes(good.read_bytes()[:60])
    assert adapter.validate_python(str(good)) == str(good)
    for path in (bad, cut, tmp_path / "none.png", tmp_path):
        with pytest.raises(ValidationError):
            adapter.validate_python(str(path))


def test_a_picture_bomb_is_refused(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (14_000, 14_000)).save(path)
    with pytest.raises(ValidationError, match="more than 64 million pixels"):
        TypeAdapter(Picture).validate_python(str(path))


@pytest.mark.parametrize(("given", "found"), [("#FFaa00", "#ffaa00"), ("navy", "#000080"), ("rgb(1,2,3)", "#010203")])
def test_colours_are_read_from_what_people_write(given, found):
    assert TypeAdapter(Colour).validate_python(given) == found


@pytest.mark.parametrize("bad", ["", "nope", "#12", "#11223344", "x" * 200])
def test_what_is_no_colour_is_refused(bad):
    with pytest.raises(ValidationError, match="not a colour"):
        TypeAdapter(Colour).validate_python(bad)


def test_an_exact_size_may_have_any_sides():
    assert ExactSize.parse("1200x630") == (1200, 630)
    with pytest.raises(ValueError, match="64 to 2048"):
        ExactSize.parse("10x10")
    assert TypeAdapter(ExactSize).dump_python(ExactSize(65, 66), mode="json") == "65x66"


def test_an_axis_is_checked_when_it_is_given():
    assert TypeAdapter(AxisText).validate_python("steps=1,2") == "steps=1,2"
    assert TypeAdapter(AxisText).validate_python("") == ""
    with pytest.raises(ValidationError, match="not an axis"):
        TypeAdapter(AxisText).validate_python("steps")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("neon:.80, paper", ("neon:0.8", "paper:1")),
        ("neon:1:to=0.5\npaper:0.5:mid_block=0", ("neon:1:to=0.5", "paper:0.5:mid_block=0")),
        (["my, own:0.5"], ("my, own:0.5",)),
        ("", ()),
        ([], ()),
    ],
)
def test_loras_are_read_from_text_or_a_list_and_written_one_way(given, found):
    assert TypeAdapter(Loras).validate_python(given) == found


@pytest.mark.parametrize("bad", ["neon:much", ["neon", 5], "neon:1:from=2", ",".join("abcdefghijk"), {"neon": 1}])
def test_what_is_no_stack_of_loras_is_refused(bad):
    with pytest.raises(ValidationError):
        TypeAdapter(Loras).validate_python(bad)
