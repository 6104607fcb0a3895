"""What was seen of LoRAs, kept in ``loras.json`` in the state folder: only a memory, made anew where it is lost."""

from collections.abc import Iterable
from contextlib import suppress
from functools import cache as cached
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter

from studio.errors import ModelError
from studio.files import private
from studio.files.untrusted import exists
from studio.lora.library import base_model
from studio.lora.library.card import LoraCard, Stamps, stamps
from studio.model_files.hashes import Stamp
from studio.version import VERSION


class _Entry(NamedTuple):
    """A file as it was then, with what lay beside it, and its card, None where it holds no LoRA."""

    stamps: Stamps
    card: LoraCard | None


class _Memory(NamedTuple):
    """``by`` is who looked: another version or more families may see more in the same file."""

    by: list[str]
    files: dict[str, _Entry]


def cards(files: Iterable[Path], cache: Path) -> dict[Path, LoraCard | None]:
    """The card of each file, None where it holds no LoRA or cannot be read; ``cache`` is the file of what was seen."""
    files, seen = list(files), _seen(cache)
    there = {folder: {file.name for file in folder.glob("*")} for folder in {file.parent for file in files}}
    now = {file: _look(file, there[file.parent], seen.get(str(file))) for file in files}
    if any(entry is not seen.get(str(file)) for file, entry in now.items()):
        others = {path: entry for path, entry in seen.items() if exists(Path(path))}
        _keep(others | {str(file): entry for file, entry in now.items()}, cache)
    return {file: entry.card for file, entry in now.items()}


def _look(file: Path, there: set[str], known: _Entry | None) -> _Entry:
    """What is known of a file, where nothing has changed since."""
    found = stamps(file, there)
    if known and known.stamps == found:
        return known
    try:
        return _Entry(found, LoraCard.read(file))
    except ModelError:
        return _Entry(found, None)


def _seen(cache: Path) -> dict[str, _Entry]:
    with suppress(OSError, ValueError):
        return _read(cache, Stamp.of(cache))
    return {}


@lru_cache(maxsize=1)
def _read(file: Path, _stamp: Stamp) -> dict[str, _Entry]:
    kept = _json().validate_json(file.read_bytes())
    return kept.files if kept.by == _by() else {}


def _keep(files: dict[str, _Entry], cache: Path) -> None:
    files = {path: entry for path, entry in files.items() if path.encode(errors="ignore").decode() == path}
    with suppress(OSError):
        private.state_folder(cache.parent)
        private.replace(cache, _json().dump_json(_Memory(_by(), files)))


def _by() -> list[str]:
    return [VERSION, *base_model.families()]


@cached
def _json() -> TypeAdapter[_Memory]:
    return TypeAdapter(_Memory)
