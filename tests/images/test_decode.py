"""One picture in every mode that files have, through every door by which files come in."""

import base64
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageCms

import studio
from studio.diffusion.images import gray_mask, opaque
from studio.errors import InputError
from studio.galleries import file_metadata, thumbnails
from studio.images.image_file import open_image, open_stored
from studio.images.transparency import on_ground
from studio.steps import compose
from studio.train.dataset import examples
from studio.ui import uploads
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

WIDE, HIGH = 128, 64
RAMP = np.tile(np.linspace(0, 1, WIDE), (HIGH, 1))  # dark on the left, so that its way up can be told
GRAY = Image.fromarray((RAMP * 255).round().astype(np.uint8))
DEEP = (RAMP * 65535).round().astype(np.uint16)
SRGB = ImageCms.createProfile("sRGB")


def profile(gamma):
    """An ICC profile of sRGB's colours whose levels rise with another exponent (ICC.1:2010, 8.3)."""
    xyz = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
    numbers = [*zip((b"rXYZ", b"gXYZ", b"bXYZ"), xyz, strict=True), (b"wtpt", (0.9642, 1.0, 0.8249))]
    tags = [(name, b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(n * 65536)) for n in three))
            for name, three in numbers]  # fmt: skip
    curve = b"curv\0\0\0\0" + struct.pack(">IH2x", 1, round(gamma * 256))
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, data, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags:
        table, data = table + struct.pack(">4sII", name, at + len(data), len(content)), data + content
    body = struct.pack(">I", len(tags)) + table + data
    head = struct.pack(">I4xI4s4s4s", 128 + len(body), 0x02400000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    head += bytes(28) + struct.pack(">3i", *(round(n * 65536) for n in (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + body


def turned(image, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    back = {3: Image.Transpose.ROTATE_180, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90}
    return image.transpose(back[orientation]), exif


def save(path, mode):
    """The gray ramp as a file of that mode."""
    kind, _, what = mode.partition(" ")
    plain, file = GRAY.convert("RGB"), path / f"x.{kind}"
    lossless = {"lossless": True} if kind == "webp" else {"quality": 95} if kind == "jpg" else {}
    deep = {
        "16": Image.fromarray(DEEP),
        "big-endian": Image.frombytes("I;16B", (WIDE, HIGH), DEEP.astype(">u2").tobytes()),
        "32": Image.fromarray((RAMP * 60_000).astype(np.int32)),
        "float": Image.fromarray(RAMP.astype(np.float32)),
        "float to 255": Image.fromarray((RAMP * 255).astype(np.float32)),
    }
    if what in deep:
        deep[what].save(file)
    elif what == "16 white is zero":
        Image.fromarray(65535 - DEEP).save(file, tiffinfo={262: 0})
    elif what == "moves":
        plain.save(file, save_all=True, append_images=[Image.new("RGB", plain.size, "red")], **lossless)
    elif "turned" in what:
        image, exif = turned(deep["16"] if "16" in what else plain, int(what[-1]))
        image.save(file, exif=exif, **lossless)
    elif what == "LAB":
        ImageCms.profileToProfile(plain, SRGB, ImageCms.createProfile("LAB"), outputMode="LAB").save(file)
    elif what.endswith("profile"):  # the same looks, with other numbers
        levels = ((RAMP * 255).round() / 255) ** (2.2 / 1.0)
        other = Image.fromarray((levels * 255).round().astype(np.uint8)).convert("RGB")
        other = other.quantize(256, dither=0) if what.startswith("P") else other
        other.save(file, icc_profile=profile(1.0), **lossless)
    elif what == "P":
        plain.quantize(256, dither=0).save(file)
    else:
        plain.convert(what).save(file, **lossless)
    return file


MODES = (
    "png L", "png LA", "png RGB", "png RGBA", "png P", "png 16", "png 16 turned 6", "png turned 3", "png moves",
    "png RGB profile", "png P profile", "jpg L", "jpg RGB", "jpg CMYK", "jpg turned 5", "jpg turned 6", "webp moves",
    "webp turned 6", "avif RGB", "gif moves", "tiff 16", "tiff big-endian", "tiff 16 white is zero", "tiff 32",
    "tiff float", "tiff float to 255", "tiff LAB", "tiff CMYK", "bmp RGB",
)  # fmt: skip


def _logo(file, _):
    """Cut out of the poster, in whose lower right corner it is."""
    ground = "#123456"
    page = compose.run(None, Image.new("RGB", (1000, 1000), ground), "x", logo=str(file))
    corner = page.crop((page.width // 2, 1000, *page.size))
    return corner.crop(ImageChops.difference(corner, Image.new("RGB", corner.size, ground)).getbbox())


def _learned(file, tmp_path):
    (tmp_path / "folder").mkdir()
    file.rename(tmp_path / "folder" / file.name)
    return examples(tmp_path / "folder", "words")[0].picture()


def _small(file, _):
    from studio.notebook.thumbnail import thumbnail

    return Image.open(io.BytesIO(thumbnail(file, None)))


def _painted(file, tmp_path):
    from studio.server.web import masks

    data = f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"
    return gray_mask(masks.file_of({"mask": data}, tmp_path))


DOORS = {
    "a step": lambda file, _: opaque(str(file)),
    "a mask": lambda file, _: gray_mask(str(file)),
    "a logo": _logo,
    "training": _learned,
    "the gallery": lambda file, _: Image.open(io.BytesIO(thumbnails.jpeg(file, WIDE))),
    "the notebook": _small,
    "the page's painter": _painted,
    "an upload": lambda file, folder: open_image(uploads.keep(file.read_bytes(), folder)),
    "the API": lambda file, folder: open_image(
        uploads.picture_file(base64.b64encode(file.read_bytes()).decode(), folder)
    ),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("mode", MODES)
def test_it_looks_the_same_whatever_its_mode_and_wherever_it_comes_in(mode, door, tmp_path):
    seen = DOORS[door](save(tmp_path, mode), tmp_path)
    assert seen.mode in ("L", "RGB", "RGBA")
    asked = np.asarray(GRAY.resize(seen.size, Image.Resampling.LANCZOS), float)
    assert seen.width > seen.height
    apart = np.abs(np.asarray(seen.convert("RGB"), float) - asked[..., None])
    assert apart.mean() < 2.5, apart.mean()
    assert apart.max() < 16, apart.max()


TRANSPARENT = {
    "png RGBA": lambda image, file: image.save(file),
    "webp RGBA": lambda image, file: image.save(file, lossless=True, exact=True),
    "tiff RGBA": lambda image, file: image.save(file),
    "png P": lambda image, file: image.quantize(8).save(file),
    "png one of P": lambda image, file: _keyed(image).save(file, transparency=0),
    "gif P": lambda image, file: _keyed(image).save(file, transparency=0),
    "png key of L": lambda image, file: _keyed(image).convert("L").save(file, transparency=200),
    "png key of RGB": lambda image, file: _keyed(image).convert("RGB").save(file, transparency=(200, 200, 200)),
    "png key of 16": lambda image, file: _deep_key(image).save(file, transparency=200 * 257),
    "png key of RGB 16": lambda image, file: file.write_bytes(_rgb16(image)),
    "png LA": lambda image, file: image.convert("LA").save(file),
}


def _hole():
    """Black, and clear on the right."""
    image = Image.new("RGBA", (64, 64), "black")
    image.paste((200, 200, 200, 0), (32, 0, 64, 64))
    return image


def _keyed(image):
    keyed = Image.new("P", image.size)
    keyed.putpalette([200, 200, 200, 0, 0, 0])
    keyed.paste(1, (0, 0, 32, 64))
    return keyed


def _deep_key(image):
    return Image.fromarray(np.where(np.asarray(image.getchannel("A")) == 0, 200 * 257, 0).astype(np.uint16))


def _rgb16(image):
    """A PNG of 48 bits a pixel, which Pillow cannot write (w3.org/TR/png-3)."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = np.repeat(np.asarray(_deep_key(image)).astype(">u2")[..., None], 3, axis=2)
    head = struct.pack(">IIBBBBB", *image.size, 16, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    key = struct.pack(">3H", *[200 * 257] * 3)
    parts = ((b"IHDR", head), (b"tRNS", key), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("how", TRANSPARENT)
def test_what_is_transparent_is_so_in_every_mode(how, tmp_path):
    file = tmp_path / f"x.{how.split()[0]}"
    TRANSPARENT[how](_hole(), file)
    image = open_image(file)
    assert image.mode == "RGBA"
    assert (np.asarray(image)[:, :32] == (0, 0, 0, 255)).all()
    assert (np.asarray(image.getchannel("A"))[:, 32:] == 0).all()
    for door, ground in (("a step", 255), ("training", 255), ("the gallery", 255), ("a mask", 0)):
        seen = DOORS[door](file, tmp_path).convert("L") if file.exists() else None
        if door == "training":
            (tmp_path / "folder" / file.name).rename(file)
        assert abs(seen.getpixel((50, 30)) - ground) < 4, door


def test_one_bit_is_black_and_white(tmp_path):
    GRAY.convert("1").save(tmp_path / "x.png")
    assert open_image(tmp_path / "x.png").tobytes() == GRAY.convert("1").convert("RGB").tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_before_anything_starts(tmp_path, value):
    levels = RAMP.astype(np.float32)
    levels[3, 3] = value
    Image.fromarray(levels).save(tmp_path / "x.tif")
    with pytest.raises(InputError, match=r"x\.tif' has values that are not finite"):
        open_image(tmp_path / "x.tif")
    with pytest.raises(InputError, match="not finite"):
        Job.of(Workflow.load("upscale"), {"image": str(tmp_path / "x.tif")})


def test_floats_beyond_black_and_white_are_scaled_not_cut_off(tmp_path):
    Image.fromarray((RAMP * 3 - 1).astype(np.float32)).save(tmp_path / "x.tif")
    assert np.abs(np.asarray(open_image(tmp_path / "x.tif"))[..., 0] - RAMP * 255).max() <= 1


@pytest.mark.parametrize("icc", [ImageCms.ImageCmsProfile(SRGB).tobytes(), b"junk" * 99])
def test_with_srgbs_own_profile_or_a_damaged_one_every_bit_stays(tmp_path, icc):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    noise.save(tmp_path / "x.png", icc_profile=icc)
    assert open_image(tmp_path / "x.png").tobytes() == noise.tobytes()


def test_what_is_done_is_not_said_any_more_and_texts_are(tmp_path):
    """Who saves the picture again must not turn it, colour it or make it transparent a second time."""
    from PIL.PngImagePlugin import PngInfo

    told, (image, exif) = PngInfo(), turned(GRAY.convert("RGB"), 6)
    told.add_text("parameters", "a star")
    image.save(tmp_path / "x.png", exif=exif, icc_profile=profile(1.8), transparency=(1, 2, 3), pnginfo=told)
    open_image(tmp_path / "x.png").save(tmp_path / "again.png")
    again = open_stored(tmp_path / "again.png")
    assert not {"exif", "icc_profile", "transparency"} & set(again.info)
    assert open_image(tmp_path / "x.png").info == {"parameters": "a star"}


def test_damaged_exif_turns_nothing(tmp_path):
    GRAY.save(tmp_path / "x.jpg", exif=b"Exif\0\0MM and no more")
    assert open_image(tmp_path / "x.jpg").size == (WIDE, HIGH)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [9000, 30_000])
def test_a_picture_too_large_says_so(tmp_path, side):
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    content = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content + bytes(4) + b"IDAT" + bytes(4))
    with pytest.raises(InputError, match=r"x\.png' has .* pixels, too .* to open; shrink it first"):
        open_image(tmp_path / "x.png")


def test_the_gallery_knows_the_size_that_is_seen(tmp_path):
    image, exif = turned(GRAY.convert("RGB"), 6)
    image.save(tmp_path / "x.png", exif=exif)
    found = file_metadata.read(tmp_path / "x.png")
    assert not isinstance(found, str)
    assert found.size == (WIDE, HIGH)


def test_hidden_colours_stay_hidden():
    assert on_ground(Image.new("RGBA", (2, 2), (1, 200, 3, 0))).getpixel((0, 0)) == (255, 255, 255)


def test_there_is_no_other_door():
    code = Path(studio.__file__).parent
    opening = [
        file.relative_to(code).as_posix() for file in code.rglob("*.py") if "Image.open(" in file.read_text("utf-8")
    ]
    assert opening == ["images/image_file.py"]
