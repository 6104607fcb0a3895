import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import InputError
from studio.pictures.picture import Picture


@pytest.mark.parametrize("text", [None, "", "[]", "{}", "nonsense", "[" * 50_000, json.dumps({"job": 5})])
def test_foreign_pictures_say_that_they_carry_no_settings(text, tmp_path):
    info = PngInfo()
    if text is not None:
        info.add_text("studio", text)
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png", pnginfo=info)
    with pytest.raises(InputError, match="no settings|not a job"):
        Picture(tmp_path / "x.png").job  # noqa: B018


def test_a_damaged_picture_is_named(tmp_path):
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match=r"x\.png' is not a picture"):
        Picture(tmp_path / "x.png").image  # noqa: B018


def test_an_oversized_text_chunk_is_a_clean_message(tmp_path):
    info = PngInfo()
    info.add_text("studio", "x" * 2_000_000, zip=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png", pnginfo=info)
    with pytest.raises(InputError, match="not a picture that can be read"):
        Picture(tmp_path / "x.png").record  # noqa: B018
