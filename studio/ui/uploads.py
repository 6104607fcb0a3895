"""Checks values that come from a browser or over HTTP: pictures, and the names of models, LoRAs and workflows.

A notebook may use any file of the machine, a client of the server may not. Pictures are sent as data, or as the id of a
picture in the output folder; models, LoRAs and workflows only by name.
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
from studio.library import Library
from studio.parameters.value_lists import listed
from studio.pictures.publish import output_errors, replace
from studio.prompts import grammar
from studio.ui.controls import FormControl, controls
from studio.workflow import asset_refs
from studio.workflow.workflow import Workflow

PICTURES: Final = frozenset({"picture", "mask", "pictures"})
_FOLDER: Final = "inputs"
_BEGINS: Final[Mapping[str, bytes | tuple[bytes, ...]]] = MappingProxyType({
    "PNG": b"\x89PNG\r\n", "JPEG": b"\xff\xd8\xff", "GIF": (b"GIF87a", b"GIF89a"), "BMP": b"BM",
    "TIFF": (b"II*\0", b"MM\0*"),
})  # fmt: skip
_REWRITTEN: Final = ("TIFF", "BMP")
"""Formats that are converted to PNG: browsers cannot show TIFF, and BMP is not compressed."""

SHOWN: Final = frozenset(ending for endings in ON_PAGES.values() for ending in endings)
"""Suffixes of the picture files that may be requested over HTTP."""


def workflow(name: str) -> Workflow:
    """A workflow that ships with the studio, by name; raises InputError for any other."""
    return Workflow.builtin(name)


def safe_values(workflow: Workflow, values: Mapping[str, Any], output: Path, library: Library) -> dict[str, Any]:
    """The values, with pictures as files in ``output``; models and LoRAs may only be given by its name in ``library``.

    Raises InputError that names the input.
    """
    known = {control.name: control for control in controls(workflow)}
    return {
        name: _safe(known[name], value, output, library) if name in known else value for name, value in values.items()
    }


def _safe(control: FormControl, value: Any, output: Path, library: Library) -> Any:
    if value in (None, "", []):
        return value
    try:
        if control.kind in PICTURES:
            return [picture_file(one, output) for one in value] if control.many else picture_file(value, output)
        for kind, name in asset_refs.of(control.kind, _without_choices(control, value)) if _is_text(value) else ():
            library.check_name(kind, name)
        if control.kind == "prompt" and _is_text(value):
            _check_choices(value if isinstance(value, list) else [value])
    except InputError as error:
        raise InputError(str(error), {control.name: str(error)}) from None
    return value


def _check_choices(prompts: list[str]) -> None:
    """Refuse paths in the LoRAs of a prompt, also in the random choices of its wildcards."""
    for prompt in prompts:
        for written in re.findall(r"<lora:([^>]*)>", re.sub(r"__[^>]*?__", "", prompt)):
            if "/" in written or "\\" in written:
                raise InputError(f"'{written}' is a path; in a prompt, write only the LoRA's name")


def _without_choices(control: FormControl, value: Any) -> Any:
    """The value; a prompt without the random choices of its wildcards, which ``_check_choices`` checks."""
    if control.kind != "prompt":
        return value
    return list(map(grammar.without_drawn_loras, value if isinstance(value, list) else [value]))


def _is_text(value: Any) -> bool:
    """Whether it is a string or a list of strings; the form refuses all other values."""
    return all(isinstance(one, str) for one in (value if isinstance(value, list) else [value]))


def named_here(control: FormControl, value: Any, output: Path, library: Library) -> Any:
    """Check a value from a table's cell: everything that it names must exist. Pictures are named by their ids.

    Raises InputError that names the input.
    """
    if control.kind in PICTURES:
        found = [_named_picture(one, output) for one in _several(control, value)]
        return found if control.many or isinstance(value, list) else found[0]
    for one in _several(control, value):
        _safe(control, one, output, library)
    return value


def _several(control: FormControl, value: Any) -> list[Any]:
    """The single values that the input reads from this one."""
    is_list = control.many and isinstance(value, str) and control.kind not in ("prompt", "loras")
    return listed(value) if is_list else value if isinstance(value, list) else [value]


def _named_picture(value: Any, output: Path) -> str:
    path = contained(output, value) if isinstance(value, str) else None
    if path is None:
        raise InputError(f"'{value}' is not a picture in the studio's folder; write its name as the gallery shows it")
    return str(path)


def picture_file(value: Any, output: Path) -> str:
    """The file of a picture given as base64, with or without ``data:``, or as an id in ``output``."""
    if not isinstance(value, str):
        raise InputError("give a picture as base64 data, or as the id of a picture in the studio's folder")
    if not value.startswith("data:") and len(value) < 1000 and (inside := contained(output, value)):
        return str(inside)
    return str(keep(_decoded(value), output))


@contextmanager
def as_file(value: str, output: Path) -> Iterator[Path]:
    """The file of a picture given as data or id, for reading only: data is deleted afterwards."""
    if inside := contained(output, value) if len(value) < 1000 else None:
        yield inside
        return
    with temporary_file(_decoded(value)) as path:
        yield path


@contextmanager
def temporary_file(data: bytes, name: str = "this file", called: str = "picture") -> Iterator[Path]:
    """Received bytes as a temporary file; errors while reading it are raised about ``name``.

    The file itself is named ``called``. Raises OutputError if the disk is full.
    """
    with ExitStack() as stack:
        with output_errors(Path(gettempdir()), "nothing was kept"):
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
        raise InputError(
            "this is neither base64 data of a picture nor the id of a picture in the studio's folder"
        ) from None


def contained(output: Path, picture: str) -> Path | None:
    """The file with this id, if it lies in ``output`` after resolving all links and ``..``."""
    root = resolved(output)
    try:
        path = resolved(root / picture)
        return path if path.is_relative_to(root) and is_file(path) else None
    except (OSError, ValueError):  # a NUL, or a name too long
        return None


def picture_id(output: Path, path: Path) -> str | None:
    """The id of a picture over HTTP: its path relative to ``output``; None if it lies elsewhere."""
    root, path = resolved(output), resolved(path)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None


def keep(data: bytes, output: Path) -> Path:
    """Write a picture's bytes unchanged into ``output``/inputs, named by their hash; TIFF and BMP as PNG.

    They are kept, because a job may run, and be repeated, long after the upload. Raises InputError if the bytes are not
    a picture, OutputError if the folder cannot be written; then nothing is kept.
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
    """Check a picture's bytes and write them; several requests may write the same file at once."""
    with temporary_file(data) as read:
        open_image(read)
    replace(path, data)


def _as_png(data: bytes) -> bytes:
    with temporary_file(data) as path:
        open_image(path).save(png := io.BytesIO(), "PNG")
    return png.getvalue()


def _format(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    return next((kind for kind, begins in _BEGINS.items() if data.startswith(begins)), "")
