"""What comes in from a browser or over HTTP, made safe: pictures, names of models, names of workflows.

A notebook may name any file of the machine; somebody on the other side of a socket may not. Pictures
arrive as data, or as the id of one in the output folder; models, LoRAs and workflows by their names alone.
"""

import base64
import binascii
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from types import MappingProxyType
from typing import Any, Final

from studio.errors import InputError
from studio.files.untrusted import exists, is_file, resolved
from studio.images.image_file import ON_PAGES, open_image
from studio.parameters.value_lists import listed
from studio.pictures.publish import reached, replace
from studio.plugins import unknown
from studio.prompts import grammar
from studio.ui.controls import Control, controls
from studio.workflow import asset_refs
from studio.workflow.workflow import Workflow, workflow_names

PICTURES: Final = frozenset({"picture", "mask", "pictures"})
_FOLDER: Final = "inputs"
_BEGINS: Final[Mapping[str, bytes | tuple[bytes, ...]]] = MappingProxyType({
    "PNG": b"\x89PNG\r\n", "JPEG": b"\xff\xd8\xff", "GIF": (b"GIF87a", b"GIF89a"), "BMP": b"BM",
    "TIFF": (b"II*\0", b"MM\0*"),
})  # fmt: skip
_REWRITTEN: Final = ("TIFF", "BMP")
"""Formats that are kept as PNG: browsers show no TIFF, and a BMP is as large as its pixels."""

SHOWN: Final = frozenset(ending for endings in ON_PAGES.values() for ending in endings)
"""Endings of the picture files that may be asked for over HTTP."""


def workflow(name: str) -> Workflow:
    """A workflow that came with the studio, by name only; raises InputError for any other."""
    if name not in workflow_names():
        raise InputError(unknown("workflow", name, workflow_names()))
    return Workflow.load(name)


def safe_values(asked: Workflow, values: Mapping[str, Any], output: Path) -> dict[str, Any]:
    """The values with pictures as files in ``output`` and every model and LoRA known by name.

    Raises InputError that names the input.
    """
    known = {control.name: control for control in controls(asked)}
    return {name: _safe(known[name], value, output) if name in known else value for name, value in values.items()}


def _safe(control: Control, value: Any, output: Path) -> Any:
    if value in (None, "", []):
        return value
    try:
        if control.kind in PICTURES:
            return [picture_file(one, output) for one in value] if control.many else picture_file(value, output)
        for kind, name in asset_refs.of(control.kind, _decided(control, value)) if _is_text(value) else ():
            asset_refs.check_name(kind, name)
        if control.kind == "prompt" and _is_text(value):
            _check_drawn(value if isinstance(value, list) else [value])
    except InputError as error:
        raise InputError(str(error), {control.name: str(error)}) from None
    return value


def _check_drawn(prompts: list[str]) -> None:
    """Refuse paths among the LoRAs that a prompt may draw, whichever of them it draws first."""
    for prompt in prompts:
        for written in re.findall(r"<lora:([^>]*)>", re.sub(r"__[^>]*?__", "", prompt)):
            if "/" in written or "\\" in written:
                raise InputError(f"'{written}' holds a path; a prompt names LoRAs by their names alone")


def _decided(control: Control, value: Any) -> Any:
    """The value; of a prompt what of it is not drawn: the LoRAs that are, are known by name as well."""
    if control.kind != "prompt":
        return value
    return list(map(grammar.without_drawn_loras, value if isinstance(value, list) else [value]))


def _is_text(value: Any) -> bool:
    """Whether it is a text or a list of texts; what else comes in is the form's to refuse."""
    return all(isinstance(one, str) for one in (value if isinstance(value, list) else [value]))


def named_here(control: Control, value: Any, output: Path) -> Any:
    """An input's value as a table's cell has it: what it names is here. Pictures are named by their ids alone.

    Raises InputError that names the input.
    """
    if control.kind in PICTURES:
        found = [_named_picture(one, output) for one in _several(control, value)]
        return found if control.many or isinstance(value, list) else found[0]
    for one in _several(control, value):
        _safe(control, one, output)
    return value


def _several(control: Control, value: Any) -> list[Any]:
    """The values that the input will take this one for."""
    parted = control.many and isinstance(value, str) and control.kind not in ("prompt", "loras")
    return listed(value) if parted else value if isinstance(value, list) else [value]


def _named_picture(value: Any, output: Path) -> str:
    path = contained(output, value) if isinstance(value, str) else None
    if path is None:
        raise InputError(f"'{value}' is no picture in the studio's folder; write one's name, as the gallery shows it")
    return str(path)


def picture_file(value: Any, output: Path) -> str:
    """The file of a picture given as base64, with or without ``data:``, or as an id in ``output``."""
    if not isinstance(value, str):
        raise InputError("give a picture as base64 data, or as the id of one that was made here")
    if not value.startswith("data:") and len(value) < 1000 and (inside := contained(output, value)):
        return str(inside)
    return str(keep(_decoded(value), output))


@contextmanager
def looked_at(value: str, output: Path) -> Iterator[Path]:
    """The file of a picture given like that, only to read it: one that came as data is not kept."""
    if inside := contained(output, value) if len(value) < 1000 else None:
        yield inside
        return
    with laid_out(_decoded(value)) as path:
        yield path


@contextmanager
def laid_out(data: bytes, name: str = "this file", called: str = "picture") -> Iterator[Path]:
    """Bytes that came in as a file, only to be read; what is wrong with them is said of ``name``.

    The file's own name is ``called``. Raises OutputError where there is no room for it.
    """
    with ExitStack() as stack:
        with reached(Path(gettempdir()), "nothing was kept"):
            folder = stack.enter_context(TemporaryDirectory(prefix="studio-"))
            (path := Path(folder) / called).write_bytes(data)
        try:
            yield path
        except InputError as error:
            raise InputError(str(error).replace(f"'{path}'", name), error.wrong) from None


def _decoded(value: str) -> bytes:
    data = value.partition(",")[2] if value.startswith("data:") else value
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("this is neither base64 data of a picture nor the id of one that was made here") from None


def contained(output: Path, picture: str) -> Path | None:
    """The file with this id, if it is a file in ``output`` once every link and ``..`` is followed."""
    root = resolved(output)
    try:
        path = resolved(root / picture)
        return path if path.is_relative_to(root) and is_file(path) else None
    except (OSError, ValueError):  # a NUL, or a name too long
        return None


def picture_id(output: Path, path: Path) -> str | None:
    """How a picture is called over HTTP: its place in ``output``; None where it lies elsewhere."""
    root, path = resolved(output), resolved(path)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None


def keep(data: bytes, output: Path) -> Path:
    """Write a picture's bytes, as they are, into ``output``/inputs, named by their hash; TIFF and BMP as PNG.

    A job may run, and be repeated, long after the browser that sent its picture is gone. Raises
    InputError where the bytes are no picture, OutputError where the folder takes none; nothing is kept then.
    """
    if (kind := _format(data)) in _REWRITTEN:
        data, kind = _as_png(data), "PNG"
    ending = next(iter(ON_PAGES.get(kind, ())), "")
    if not ending:
        raise InputError("this is not a picture that can be read; use PNG, JPEG, WebP, AVIF or GIF")
    path = output.absolute() / _FOLDER / f"{hashlib.sha256(data).hexdigest()[:32]}{ending}"
    if not exists(path):
        _write(path, data)
    return path


def _write(path: Path, data: bytes) -> None:
    """Put a picture's bytes in their place; several may do so at once, as each has a file of its own until then."""
    with laid_out(data) as read:
        open_image(read)
    replace(path, data)


def _as_png(data: bytes) -> bytes:
    with laid_out(data) as path:
        open_image(path).save(png := io.BytesIO(), "PNG")
    return png.getvalue()


def _format(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    return next((kind for kind, begins in _BEGINS.items() if data.startswith(begins)), "")
