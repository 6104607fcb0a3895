import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from studio.kinds import Picture, Seed, Size, kind_of
from studio.parameters import parameters
from studio.steps import edit, generate


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
    with pytest.raises(ValidationError, match="not a picture that can be read|too large"):
        TypeAdapter(Picture).validate_python(str(path))


@pytest.mark.parametrize("step", [generate, edit])
def test_every_parameter_of_a_step_has_a_kind_a_label_and_help(step):
    for parameter in parameters(step.run).values():
        assert kind_of(parameter.field.metadata).name != "text"
        assert parameter.field.title
        assert parameter.field.description
