"""Real files of each tool, in each kind of picture it writes, are read by that tool's reader and no other."""

import html
import json
import re
import time

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.imports import formats
from studio.imports.metadata_extract import EmbeddedMetadata
from tests.imports.formats import test_fooocus, test_invokeai, test_krita, test_novelai, test_sdcpp, test_swarmui

PNGS = {
    "InvokeAI": {"invokeai_metadata": json.dumps(test_invokeai.SDXL), "invokeai_graph": "{}"},
    "NovelAI": test_novelai._texts(test_novelai.V4),
    "Fooocus": {"parameters": json.dumps(test_fooocus.SAID), "fooocus_scheme": "fooocus"},
    "SwarmUI": {"parameters": json.dumps(test_swarmui.WHOLE)},
    "Krita AI Diffusion": {"parameters": test_krita.TEXT},
    "stable-diffusion.cpp": {"parameters": test_sdcpp._text(test_sdcpp.SAID)},
}


def _picture():
    return Image.effect_noise((96, 64), 60).convert("RGB")


@pytest.mark.parametrize("tool", PNGS)
def test_pngs(tool, tmp_path):
    info = PngInfo()
    for name, text in PNGS[tool].items():
        info.add_itxt(name, text)
    _picture().save(tmp_path / "a.png", pnginfo=info)
    started = time.process_time()
    foreign = formats.read(tmp_path / "a.png")
    assert time.process_time() - started < 4
    assert foreign.tool == tool
    assert foreign.values["seed"] >= 1


@pytest.mark.parametrize(("said", "seed"), [(2**40 + 5, 5), (2**32 - 1, 2**32 - 1), (-1, None)])
@pytest.mark.parametrize("tool", PNGS)
def test_a_seed_is_below_2_to_the_32_in_every_reader(tool, said, seed):
    texts = {name: re.sub(r'("seed": "?|Seed: )-?\d+', rf"\g<1>{said}", text) for name, text in PNGS[tool].items()}
    foreign = formats.read_metadata(EmbeddedMetadata(texts))
    assert (foreign.tool, foreign.values.get("seed")) == (tool, seed)
    assert any(one.name.lower() == "seed" for one in foreign.skipped) == (seed is None)


@pytest.mark.parametrize("ending", ["jpg", "webp"])
@pytest.mark.parametrize("tool", ["Fooocus", "SwarmUI"])
def test_exif(tool, ending, tmp_path):
    exif = Image.Exif()
    if tool == "Fooocus":
        exif[0x9286], exif[0x927C], exif[0x0131] = json.dumps(test_fooocus.SAID), "fooocus", "Fooocus v2.5.5"
    else:
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + json.dumps(test_swarmui.WHOLE).encode("utf-16-le")
    _picture().save(tmp_path / f"a.{ending}", exif=exif)
    assert formats.read(tmp_path / f"a.{ending}").tool == tool


def test_xmp_and_comments_of_stable_diffusion_cpp(tmp_path):
    text = test_sdcpp._text(test_sdcpp.SAID)
    packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><sdcpp:parameters>{html.escape(text)}</sdcpp:parameters></x:xmpmeta>'
    _picture().save(tmp_path / "a.webp", xmp=packet.encode())
    _picture().save(tmp_path / "a.jpg", comment=b"parameters\0" + text.encode())
    for name in ("a.webp", "a.jpg"):
        assert formats.read(tmp_path / name).tool == "stable-diffusion.cpp"


@pytest.mark.parametrize("tool", ["NovelAI", "SwarmUI"])
def test_text_in_pixels(tool, tmp_path):
    texts = PNGS[tool]
    text = json.dumps(texts) if tool == "NovelAI" else texts["parameters"]
    data = b"stealth_pnginfo" + (len(text.encode()) * 8).to_bytes(4, "big") + text.encode()
    array = np.asarray(Image.new("RGBA", (160, 160), (9, 9, 9, 255))).copy()
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    alpha = array[..., 3].T.reshape(-1)
    alpha[: len(bits)] = alpha[: len(bits)] & 254 | bits
    array[..., 3] = alpha.reshape(160, 160).T
    Image.fromarray(array).save(tmp_path / "a.png")
    foreign = formats.read(tmp_path / "a.png")
    assert foreign.values["seed"] >= 1
    assert foreign.tool == tool


@pytest.mark.parametrize(
    ("said", "tool"),
    [(test_swarmui.WHOLE, "SwarmUI"), (test_fooocus.SAID, "Fooocus"), (test_sdcpp.SAID, "stable-diffusion.cpp")],
)
def test_json_files(said, tool, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(said))
    assert formats.read(tmp_path / "a.json").tool == tool
