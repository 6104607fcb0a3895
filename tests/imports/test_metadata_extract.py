"""Words in a picture's file, in each place where tools put them, as real files."""

import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import InputError
from studio.imports.metadata_extract import extract_metadata

TEXT = "a cat, 星 ünï\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5"
LATIN = "a cat, ünï\nSteps: 20"


def picture(path, **how):
    Image.new("RGB", (16, 24), "navy").save(path, **how)
    return path


def chunks(path, *added):
    info = PngInfo()
    for name, *given in added:
        getattr(info, name)(*given)
    return picture(path, pnginfo=info)


def exif(tag, value, folder=0x8769):
    tags = Image.Exif()
    (tags.get_ifd(folder) if folder else tags)[tag] = value
    return tags.tobytes()  # Pillow takes an Exif without tags of its own for none


@pytest.mark.parametrize(
    "how",
    [
        ("add_text", "parameters", LATIN),
        ("add_text", "parameters", LATIN, True),
        ("add_itxt", "parameters", TEXT),
        ("add_itxt", "parameters", TEXT, "", "", True),
    ],
)
def test_text_chunks_of_a_png(tmp_path, how):
    found = extract_metadata(chunks(tmp_path / "x.png", how))
    assert found.texts == {"parameters": how[2]}
    assert found.size == (16, 24)


def test_utf_8_where_latin_1_belongs(tmp_path):
    path = chunks(tmp_path / "x.png", ("add", b"tEXt", b"parameters\0" + TEXT.encode()))
    assert extract_metadata(path).texts["parameters"] == TEXT


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "avif"])
@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + TEXT.encode("utf-16-be"), b"UNICODE\0" + TEXT.encode("utf-16-le"),
        b"UNICODE\0" + TEXT.encode("utf-16"), b"UNICODE\0" + TEXT.encode(), b"ASCII\0\0\0" + TEXT.encode(),
        b"\0" * 8 + TEXT.encode(), TEXT.encode(),
    ],
    ids=["big", "little", "marked", "utf-8", "ascii", "nothing", "bare"],
)  # fmt: skip
def test_the_comment_of_exif(tmp_path, ending, comment):
    found = extract_metadata(picture(tmp_path / f"x.{ending}", exif=exif(0x9286, comment)))
    assert found.texts["exif:UserComment"] == TEXT


def test_the_comment_in_japanese(tmp_path):
    comment = b"JIS\0\0\0\0\0" + "猫 Steps: 20".encode("iso2022_jp")
    assert (
        extract_metadata(picture(tmp_path / "x.jpg", exif=exif(0x9286, comment))).texts["exif:UserComment"]
        == "猫 Steps: 20"
    )


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (0x010E, "ImageDescription"),
        (0x010F, "Make"),
        (0x0110, "Model"),
        (0x0131, "Software"),
        (0x9286, "UserComment"),
        (0x927C, "MakerNote"),
    ],
)
def test_other_tags_and_tags_in_the_wrong_folder(tmp_path, tag, name):
    path = picture(tmp_path / "x.webp", exif=exif(tag, 'prompt:{"a": 1}', 0))
    assert extract_metadata(path).texts == {f"exif:{name}": 'prompt:{"a": 1}'}


@pytest.mark.parametrize("ending", ["gif", "jpg"])
def test_comments_of_gif_and_jpeg(tmp_path, ending):
    assert extract_metadata(picture(tmp_path / f"x.{ending}", comment=TEXT.encode())).texts == {"comment": TEXT}


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "avif"])
def test_xmp(tmp_path, ending):
    packet = '<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    how = {"xmp": packet.encode()}
    if ending == "png":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet)
        how = {"pnginfo": info}
    assert extract_metadata(picture(tmp_path / f"x.{ending}", **how)).texts["xmp"] == packet


def test_a_text_beside_the_picture_and_a_file_of_json(tmp_path):
    (tmp_path / "x.txt").write_text(TEXT, "utf-8-sig")
    assert extract_metadata(picture(tmp_path / "x.png")).texts == {"sidecar": TEXT}
    assert extract_metadata(tmp_path / "x.txt").texts == {"sidecar": TEXT}
    (tmp_path / "graph").write_text(f" {json.dumps({'nodes': []})}")
    assert extract_metadata(tmp_path / "graph").texts == {"json": ' {"nodes": []}'}
    assert extract_metadata(tmp_path / "graph").size is None


def test_a_picture_may_say_nothing(tmp_path):
    assert extract_metadata(picture(tmp_path / "x.png")).texts == {}


def test_what_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "large.json").write_bytes(b"[" + b" " * (33 * 2**20))
    (tmp_path / "none.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    (tmp_path / "program.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    chunks(tmp_path / "text.png", ("add_text", "parameters", "a" * 2_000_000, True))
    for name in ("large.json", "none.png", "program.eps", "text.png", "not there.png", "a\0b.png", "."):
        with pytest.raises(InputError) as refused:
            extract_metadata(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_damaged_exif_says_nothing(tmp_path):
    path = picture(tmp_path / "x.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x92\x86\0\x07")
    assert "exif:UserComment" not in extract_metadata(path).texts
