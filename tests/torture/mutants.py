# ruff: noqa: E501 samples of lines
"""Files of every kind that the studio reads, and what damage and malice make of them; the same ones for one seed."""

import gzip
import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.config import shipped
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

Write = Callable[[Path, bytes], object]


def _plain(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@dataclass(frozen=True)
class Kind:
    """``seeds`` are good contents; ``write`` makes a file of one, damaged or not, whose name ends in ``ending``."""

    name: str
    ending: str
    seeds: tuple[bytes, ...]
    write: Write = _plain
    stem: str = "x"


EVIL: tuple[bytes, ...] = (
    b"", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"null", b"NaN", b"Infinity", b"-1", b"1e999", b"1000000000",
    b"9" * 400, b"9" * 5000, b"0x10", b"true", b"[]", b"{}", b'""', b"[" * 3000, b"{" * 3000, b'{"a":' * 2000, b"(" * 9000,
    b'"' * 999, b"'", b",", b":", b"\n", b"\r", b"\t", b" " * 9999, b"\n" * 9999, b"," * 9999, b"x" * 200_000,
    b"<lora:../../x:1>", b"<lora:" * 1500, b"__a__" * 2000, b"{a|" * 2000, b"$", b"&a [*a]", b"*a", b"!!python/object:x y",
    b"!!binary x", b"!!map [a]", b"\x1b[2J", b"\xe2\x80\xae", b"../../etc/passwd", b"model_config", b"__class__", b"copy",
    b"\xf0\x9f\x92\x9c", b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"2024-13-77", b"Steps: 1, " * 900,
    b'"k":1,' * 3000, b"k: v\n" * 3000, b"- " * 3000, b"? " * 3000, b"a\n---\nb", b"#" * 999, b"=cmd()", b"<!DOCTYPE x>",
)  # fmt: skip


def mutant(kind: Kind, random: Random) -> bytes:
    """A content of this kind with one to four pieces of damage."""
    content = random.choice(kind.seeds)
    for _ in range(random.randint(1, 4)):
        content = random.choice(DAMAGES)(content, random, kind)
    return content[:400_000]


def _flipped(content: bytes, random: Random, _: Kind) -> bytes:
    damaged = bytearray(content)
    for _ in range(random.randint(1, 8)):
        if damaged:
            damaged[random.randrange(len(damaged))] = random.randrange(256)
    return bytes(damaged)


def _cut(content: bytes, random: Random, _: Kind) -> bytes:
    return content[: random.randint(0, len(content))]


def _without(content: bytes, random: Random, _: Kind) -> bytes:
    at = random.randint(0, len(content))
    return content[:at] + content[at + random.randint(1, 40) :]


def _repeated(content: bytes, random: Random, _: Kind) -> bytes:
    at, end = sorted(random.randint(0, len(content)) for _ in range(2))
    return content[:end] + content[at:end] * random.choice((1, 1, 3, 50)) + content[end:]


def _joined(content: bytes, random: Random, kind: Kind) -> bytes:
    other = random.choice(kind.seeds)
    return content[: random.randint(0, len(content))] + other[random.randint(0, len(other)) :]


def _with_evil(content: bytes, random: Random, _: Kind) -> bytes:
    at = random.randint(0, len(content))
    return content[:at] + random.choice(EVIL) + content[at:]


def _replaced(content: bytes, random: Random, _: Kind) -> bytes:
    """A word or a number becomes something else, wherever such things part: the rest stays as it was."""
    marks = [n for n, byte in enumerate(content) if byte in b' ,:"{}[]\n=;<>|']
    if len(marks) < 2:
        return content
    at = random.randrange(len(marks) - 1)
    return content[: marks[at] + 1] + random.choice(EVIL) + content[marks[at + 1] :]


DAMAGES = (_flipped, _cut, _without, _repeated, _joined, _with_evil, _replaced, _replaced, _replaced)


SPECIAL = 7
"""How many things there are that are no such file."""


def special(path: Path, which: int) -> None:
    """What lies in the place of a file and is none, or more than one."""
    makers: tuple[Callable[[], object], ...] = (
        lambda: os.mkfifo(path),
        path.mkdir,
        lambda: path.symlink_to(path),
        lambda: path.symlink_to("/dev/zero"),
        path.touch,
        lambda: _sparse(path),
        lambda: path.symlink_to(path.with_name("nowhere")),
    )
    makers[which]()


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 * 2**30)


# How a content gets into its file, where that is not the file itself.


def _png(key: str) -> Write:
    def write(path: Path, content: bytes) -> None:
        info = PngInfo()
        info.add_itxt(key, content.decode("utf-8", "replace"))
        _picture().save(path, "PNG", pnginfo=info)

    return write


def _exif(kind: str) -> Write:
    def write(path: Path, content: bytes) -> None:
        exif = Image.Exif()
        exif[0x9286] = b"UNICODE\0" + content.decode("utf-8", "replace").encode("utf-16-be", "replace")
        exif[0x010F] = content[:2000].decode("latin-1")
        data = exif.tobytes()[:65_000]
        _picture().save(path, kind, exif=data)

    return write


def _hidden(path: Path, content: bytes) -> None:
    """After https://github.com/neggles/sd-webui-stealth-pnginfo: in the lowest bit of alpha, down each column."""
    whole = b"stealth_pngcomp" + (8 * len(packed := gzip.compress(content[:4000]))).to_bytes(4, "big") + packed
    pixels = np.zeros((128, 256, 4), np.uint8)
    bits = np.unpackbits(np.frombuffer(whole, np.uint8))[: 128 * 256]
    column = np.zeros(128 * 256, np.uint8)
    column[: len(bits)] = bits
    pixels[..., 3] = column.reshape(256, 128).T
    Image.fromarray(pixels).save(path, "PNG")


def _picture() -> Image.Image:
    return Image.new("RGB", (64, 64), "navy")


def _safetensors(path: Path, content: bytes) -> None:
    path.write_bytes(len(content).to_bytes(8, "little") + content + bytes(64))


def _workbook(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, part in _WORKBOOK.items():
            packed.writestr(name, part)
        packed.writestr("xl/worksheets/sheet1.xml", content)


def _front_matter(path: Path, content: bytes) -> None:
    path.write_bytes(b"---\n" + content + b"\n---\n# A card\n")


_XML = '<?xml version="1.0"?>'
_OFFICE = "http://schemas.openxmlformats.org"
_WORKBOOK = {
    "[Content_Types].xml": f'{_XML}<Types xmlns="{_OFFICE}/package/2006/content-types"><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override '
    'PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": f'{_XML}<Relationships xmlns="{_OFFICE}/package/2006/relationships"><Relationship Id="r1" '
    f'Type="{_OFFICE}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'{_XML}<workbook xmlns="{_OFFICE}/spreadsheetml/2006/main" '
    f'xmlns:r="{_OFFICE}/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>'
    "</workbook>",
    "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_OFFICE}/package/2006/relationships"><Relationship '
    f'Id="r1" Type="{_OFFICE}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
    "</Relationships>",
}
_SHEET = (
    f'{_XML}<worksheet xmlns="{_OFFICE}/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>'
    'prompt</t></is></c><c r="B1" t="inlineStr"><is><t>steps</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is>'
    '<t>a star</t></is></c><c r="B2"><v>5</v></c></row><row r="3"><c r="A3" t="str"><f>1+1</f><v>2</v></c></row>'
    "</sheetData></worksheet>"
).encode()
_A1111 = (
    b"three (green:1.2) leaves <lora:gone:0.8>\nNegative prompt: red\nSteps: 3, Sampler: DPM++ 2M Karras, CFG scale: 3.5, "
    b'Seed: 77, Size: 256x256, Model hash: 879db523c3, Model: dream, Lora hashes: "gone: 0123456789ab", Hires upscale: 2, '
    b'Hashes: {"model": "879db523c3"}, Civitai resources: [{"type":"checkpoint","modelName":"x"}], Version: v1.6.0'
)
_COMFY = json.dumps(
    {
        "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 3, "cfg": 2.0, "sampler_name": "euler",
              "scheduler": "karras", "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
              "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "spark.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 128, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red circle", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blue", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}},
    }
).encode()  # fmt: skip
_INVOKE = json.dumps(
    {"app_version": "6.0", "generation_mode": "txt2img", "positive_prompt": "a (cat)1.2", "seed": 1, "steps": 20,
     "cfg_scale": 7.5, "scheduler": "dpmpp_2m_k", "width": 512, "height": 512, "model": {"name": "m", "base": "sd-1"},
     "loras": [{"model": {"name": "l", "hash": "blake3:00112233"}, "weight": 0.5}]}
).encode()  # fmt: skip
_FOOOCUS = json.dumps(
    {"Prompt": "cat", "Steps": 30, "Seed": "1", "Resolution": "(512, 512)", "scheme": "fooocus"}
).encode()
_SWARM = json.dumps(
    {"sui_image_params": {"prompt": "cat", "model": "x", "seed": 1, "steps": 20, "cfgscale": 7}}
).encode()
_NOVEL = json.dumps({"Comment": json.dumps({"prompt": "cat", "steps": 28, "seed": 1, "scale": 5, "sampler": "k_euler"}),
                     "Software": "NovelAI", "Source": "Stable Diffusion XL 7BCCAA2C", "Description": "cat"}).encode()  # fmt: skip
_SDCPP = b'cat\nSDCPP: {"schema": "sdcpp.image.params/v1", "prompt": {"positive": "cat"}, "seed": 1, "sampling": {"steps": 5}}'
_LORA = json.dumps(
    {
        "__metadata__": {"ss_base_model_version": "sd_v1", "ss_tag_frequency": '{"10_x": {"neon": 3}}',
                         "modelspec.title": "N", "lora_adapter_metadata": '{"lora_alpha": 2}'},
        "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight": {"dtype": "F16", "shape": [4, 2], "data_offsets": [0, 16]},
        "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": {"dtype": "F16", "shape": [2, 4], "data_offsets": [16, 32]},
        "lora_unet_mid_block_attentions_0_proj_in.alpha": {"dtype": "F32", "shape": [], "data_offsets": [32, 36]},
        "rest": {"dtype": "U8", "shape": [28], "data_offsets": [36, 64]},
    }
).encode()  # fmt: skip
_CIVITAI = json.dumps({"model": {"name": "N", "allowCommercialUse": ["Image"]}, "baseModel": "SD 1.5", "trainedWords": ["neon"],
                       "files": [{"hashes": {"SHA256": "ab" * 32}}], "description": "<p>x</p>"}).encode()  # fmt: skip
_MANAGER = json.dumps(
    {"model_name": "N", "usage_tips": '{"strength": 0.5}', "civitai": {"id": 1}, "sha256": "ab" * 32}
).encode()
_PREFERRED = json.dumps({"activation text": "neon", "preferred weight": 0.8, "sd version": "SD1"}).encode()
_CARD = b"license: apache-2.0\nbase_model: a/b\ninstance_prompt: neon\nsteps: 20\nguidance: 4.0\ntags:\n- a\n- b\nwidget:\n- text: x"
_GGUF = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + (
    struct.pack("<Q", 20) + b"general.architecture" + struct.pack("<IQ", 8, 4) + b"flux"
    + struct.pack("<Q", 1) + b"a" + struct.pack("<IQIQ", 1, 32, 0, 0)
)  # fmt: skip
_GGUF += bytes(-len(_GGUF) % 32 + 128)


def _job() -> bytes:
    return Job.of(Workflow.load("text-to-image"), {"prompt": "a {red|blue} star", "seed": 7}).model_dump_json().encode()


def _record() -> bytes:
    record = {"job": json.loads(_job()), "made": "2026-11-01T00:00:00+00:00", "seconds": 1.5, "prompt": "a star",
              "models": {"spark": {"licence": "apache-2.0", "files": {}}}, "passes": [{"threads": 1}]}  # fmt: skip
    return json.dumps(record).encode()


def _png_bytes() -> bytes:
    _png("parameters")(file := _Memory(), _A1111)
    return file.getvalue()


class _Memory(io.BytesIO):
    """A file in memory, where a path is expected."""


def kinds() -> tuple[Kind, ...]:
    """Every kind, its seeds made anew."""
    flows = tuple(
        (shipped("workflows") / f"{name}.yaml").read_bytes() for name in ("poster", "grid", "regions", "hires")
    )
    return (
        Kind("workflow", ".yaml", flows),
        Kind("job", ".json", (_job(),)),
        Kind("record", ".png", (_record(),), _png("studio")),
        Kind("a1111 png", ".png", (_A1111, _SDCPP), _png("parameters")),
        Kind("a1111 jpeg", ".jpg", (_A1111, _FOOOCUS, _SWARM), _exif("JPEG")),
        Kind("a1111 webp", ".webp", (_A1111, _COMFY), _exif("WEBP")),
        Kind("a1111 text", ".txt", (_A1111,)),
        Kind("hidden", ".png", (_A1111, _NOVEL), _hidden),
        Kind("comfy png", ".png", (_COMFY,), _png("prompt")),
        Kind("comfy json", ".json", (_COMFY,)),
        Kind("invoke", ".png", (_INVOKE,), _png("invokeai_metadata")),
        Kind("novelai", ".png", (json.loads(_NOVEL)["Comment"].encode(),), _png("Comment")),
        Kind("fooocus", ".png", (_FOOOCUS,), _png("parameters")),
        Kind("picture", ".png", (_png_bytes(),)),
        Kind("lora", ".safetensors", (_LORA,), _safetensors),
        Kind("gguf", ".gguf", (_GGUF,)),
        Kind("sidecar", ".civitai.info", (_CIVITAI, _MANAGER, _PREFERRED)),
        Kind("card", ".md", (_CARD,), _front_matter, "README"),
        Kind("csv", ".csv", (b"prompt,steps,size\na star,5,64x64\n\"a, b\",7,\n", b"sep=;\nprompt;seed\nx;1\n")),
        Kind("tsv", ".tsv", (b"prompt\tsteps\na star\t5\n",)),
        Kind("jsonl", ".jsonl", (b'{"prompt": "a", "steps": 5}\n{"prompt": ["b", "c"]}\n',)),
        Kind("xlsx", ".xlsx", (_SHEET,), _workbook),
        Kind("wildcard", ".txt", (b"red\nblue {dark|light}\n# no\n__x__ __y__\n",)),
        Kind("wildcards in yaml", ".yaml", (b"colours:\n  warm: [red, 2::orange]\n  cold:\n  - blue\n  - text: __x__\n    weight: 2\n",)),
        Kind("wildcards in json", ".json", (b'{"colours": {"warm": ["red", "2::orange"]}, "x": "one"}',)),
        Kind("captions", ".jsonl", (b'{"file_name": "a.png", "text": "a star"}\n',)),
        Kind("caption", ".txt", (b"a star on cream",)),
        Kind("marks", ".jsonl", (b'{"picture": "%s", "at": "2026-11-03T10:00:00+00:00", "rating": 4, "tags": {"x": true}}\n' % (b"ab" * 32),)),
        Kind("manifest", ".jsonl", (b'{"row": 1, "file": "a.png", "status": "made", "seed": 1, "key": "x"}\n',)),
        Kind("configuration", ".json", tuple(path.read_bytes() for path in sorted((shipped("assets") / "spark").glob("*/*config.json")))),
    )  # fmt: skip
