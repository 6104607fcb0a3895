"""Finds the local file that another tool means, by its hashes or else by its name.

There are many kinds of hashes: SHA-256 of the file or of its tensors, whole or the first letters (Civitai's AutoV2 and
AutoV3, see ``lora.library.hashes``), and A1111's old one of eight letters, AutoV1: the SHA-256 of 64 KiB in the middle
of the file. They are claims, so each is compared with the file itself. Reading all files would take minutes: only files
with that name, and files whose sidecars claim the hash, are read, unless their hash is cached.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from studio.errors import ModelError
from studio.files.untrusted import is_file, is_folder, open_file
from studio.library import Library
from studio.lora.library import sidecars
from studio.lora.library.hashes import of_tensors
from studio.model_files.hashes import Stamp, digest
from studio.models import adapters

_NOTHING: Final = hashlib.sha256().hexdigest()
_HASH: Final = re.compile("[0-9a-f]{8,64}")
_ENDING: Final = re.compile(r"\.(safetensors|sft|gguf|ckpt|pth?|bin)$", re.IGNORECASE)
_OLD_AT, _OLD_LENGTH, _OLD_LETTERS = 0x100000, 0x10000, 8


@dataclass(frozen=True)
class AssetMatch:
    """The local file for an asset: its ``name`` here, "" if there is none, and ``why`` nothing was matched.

    ``sure`` means that a hash agrees, not only the name.
    """

    name: str = ""
    sure: bool = False
    why: str = "it is not here"


def find(library: Library, kind: str, name: str, hashes: Iterable[str]) -> AssetMatch:
    """The local file for an asset of a ``kind`` ("model", "lora", "vae", "controlnet", "embedding").

    A file with the same name and another hash does not match.
    """
    files = _local_files(library, kind)
    claims = _comparable(hashes)
    named = {local: file for local, file in files.items() if _bare(local) == _bare(name)}
    for local in _by_hash(library, files, named, claims):
        return AssetMatch(local, sure=True)
    if not claims and len(named) == 1:
        return AssetMatch(next(iter(named)))
    return AssetMatch(why=_why(named, claims))


def _local_files(library: Library, kind: str) -> Mapping[str, Path]:
    """Every file or folder of a kind, by its name."""
    if kind == "model":
        return library.models.paths()
    if kind == "lora":
        return library.loras.files()
    known = library.adapters.names(kind) if kind in adapters.TITLES else []
    return {name: library.parts / name for name in known}


def _comparable(hashes: Iterable[str]) -> tuple[str, ...]:
    """The hashes that can be compared; that of an empty file, and kinds that are not computed here, cannot."""
    bare = (text.lower().removeprefix("0x") for text in hashes)
    return tuple(text for text in bare if _HASH.fullmatch(text) and not _NOTHING.startswith(text))


def _bare(name: str) -> str:
    """A file name without folders and ending, as other tools use it."""
    return _ENDING.sub("", PurePosixPath(name.replace("\\", "/")).name).casefold()


def _by_hash(
    library: Library, all_files: Mapping[str, Path], named: Mapping[str, Path], claims: tuple[str, ...]
) -> Iterator[str]:
    """The names of the files with one of the hashes, cheapest comparisons first."""
    if not claims:
        return
    files = {name: file for name, file in all_files.items() if is_file(file)}
    known = {file for file, sha256 in _known(library, files) if _agree(sha256, claims)}
    yield from (name for name, file in files.items() if file in known)
    if any(len(claim) == _OLD_LETTERS for claim in claims):
        yield from (name for name, file in files.items() if _old_hash(file) in claims)
    yield from (name for name in named if name in files and _has_hash(library, files[name], claims))
    yield from (name for name, file in files.items() if _claims(file, claims) and _has_hash(library, file, claims))


def _known(library: Library, files: Mapping[str, Path]) -> Iterator[tuple[Path, str]]:
    yield from library.hash_cache.known(files.values(), Stamp.of)
    for name, entry in library.models.registry.read().models.items():
        if name in files and (pin := entry.pins.get("")) and Stamp.of(files[name]) == pin.stamp:
            yield files[name], pin.sha256


def _agree(sha256: str, claims: tuple[str, ...]) -> bool:
    return sha256.startswith(claims)


def _has_hash(library: Library, file: Path, claims: tuple[str, ...]) -> bool:
    """Whether a file has one of the hashes; it is read for that."""
    hash_cache = library.hash_cache
    with suppress(ModelError, OSError):
        return _agree(digest(file, hash_cache), claims) or _agree(of_tensors(file, hash_cache), claims)
    return False


def _claims(file: Path, claims: tuple[str, ...]) -> bool:
    """Whether a sidecar of the file claims one of the hashes."""
    declared = (text.strip().lower() for _, _, text in sidecars.declared(file))
    return any(text.startswith(claim) or claim.startswith(text) for text in declared if text for claim in claims)


def _old_hash(file: Path) -> str:
    with suppress(OSError), open_file(file) as stream:
        stream.seek(_OLD_AT)
        return hashlib.sha256(stream.read(_OLD_LENGTH)).hexdigest()[:_OLD_LETTERS]
    return ""


def _why(named: Mapping[str, Path], claims: tuple[str, ...]) -> str:
    if not named:
        return "it is not here"
    candidates = " and ".join(f"'{name}'" for name in named)
    if len(named) > 1 and not claims:
        return f"it may be any of {candidates}"
    if any(is_folder(file) for file in named.values()):
        return f"{candidates} is here, but it is a folder, whose hash cannot be compared"
    return f"{candidates} is here, but it is another file: its hash differs"
