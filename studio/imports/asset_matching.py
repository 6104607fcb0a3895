"""Which file here another tool means: by the hashes that it gives, or else by its name.

Hashes come in many kinds: SHA-256 of the file or of its tensors, whole or the first letters (Civitai's AutoV2 and
AutoV3, see ``loras.digests``), and A1111's old one of eight letters, AutoV1, the SHA-256 of 64 KiB in the midst of the
file. They are claims, so each is held against the file itself. Reading all there is would take minutes: read are files
of that name, those whose sidecars claim such a hash, and none whose hash is remembered.
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
from studio.lora.library import lora_index, sidecars
from studio.lora.library.hashes import of_tensors
from studio.model_files import hash_cache
from studio.model_files.hashes import Stamp, digest
from studio.models import adapters, library, registry

_NOTHING: Final = hashlib.sha256().hexdigest()
_HASH: Final = re.compile("[0-9a-f]{8,64}")
_ENDING: Final = re.compile(r"\.(safetensors|sft|gguf|ckpt|pth?|bin)$", re.IGNORECASE)
_OLD_AT, _OLD_LENGTH, _OLD_LETTERS = 0x100000, 0x10000, 8


@dataclass(frozen=True)
class AssetMatch:
    """What is here in its place: ``name`` as it is called here, "" where nothing is, and ``why`` it was not taken.

    ``sure`` says that a hash agrees; else the name alone does.
    """

    name: str = ""
    sure: bool = False
    why: str = "it is not here"


def find(kind: str, name: str, hashes: Iterable[str]) -> AssetMatch:
    """The file of a ``kind`` ("model", "lora", "vae", "controlnet", "embedding") that is meant.

    One of that name whose hash is another is not taken.
    """
    here = _here(kind)
    claims = _comparable(hashes)
    named = {ours: file for ours, file in here.items() if _bare(ours) == _bare(name)}
    for ours in _by_hash(here, named, claims):
        return AssetMatch(ours, sure=True)
    if not claims and len(named) == 1:
        return AssetMatch(next(iter(named)))
    return AssetMatch(why=_why(named, claims))


def _here(kind: str) -> Mapping[str, Path]:
    """Every file or folder of a kind by its name."""
    if kind == "model":
        return library.paths()
    if kind == "lora":
        return lora_index.files()
    return {name: adapters.folder() / name for name in adapters.names(kind)} if kind in adapters.TITLES else {}


def _comparable(hashes: Iterable[str]) -> tuple[str, ...]:
    """The hashes that can be held against a file; that of nothing, and kinds not computed here, say nothing."""
    bare = (text.lower().removeprefix("0x") for text in hashes)
    return tuple(text for text in bare if _HASH.fullmatch(text) and not _NOTHING.startswith(text))


def _bare(name: str) -> str:
    """A file's name without folders and ending, as other tools call it."""
    return _ENDING.sub("", PurePosixPath(name.replace("\\", "/")).name).casefold()


def _by_hash(here: Mapping[str, Path], named: Mapping[str, Path], claims: tuple[str, ...]) -> Iterator[str]:
    """The names of those files that have one of the hashes, what costs least to find out first."""
    if not claims:
        return
    files = {ours: file for ours, file in here.items() if is_file(file)}
    known = {file for file, sha256 in _known(files) if _agree(sha256, claims)}
    yield from (ours for ours, file in files.items() if file in known)
    if any(len(claim) == _OLD_LETTERS for claim in claims):
        yield from (ours for ours, file in files.items() if _old(file) in claims)
    yield from (ours for ours in named if ours in files and _is(files[ours], claims))
    yield from (ours for ours, file in files.items() if _claims(file, claims) and _is(file, claims))


def _known(files: Mapping[str, Path]) -> Iterator[tuple[Path, str]]:
    yield from hash_cache.known(files.values(), Stamp.of)
    for name, entry in registry.read().models.items():
        if name in files and (pin := entry.pins.get("")) and Stamp.of(files[name]) == pin.stamp:
            yield files[name], pin.sha256


def _agree(sha256: str, claims: tuple[str, ...]) -> bool:
    return sha256.startswith(claims)


def _is(file: Path, claims: tuple[str, ...]) -> bool:
    """Whether a file has one of the hashes; it is read for that."""
    with suppress(ModelError, OSError):
        return _agree(digest(file), claims) or _agree(of_tensors(file), claims)
    return False


def _claims(file: Path, claims: tuple[str, ...]) -> bool:
    """Whether what lies beside a file says that it has one of the hashes."""
    said = (text.strip().lower() for _, _, text in sidecars.declared(file))
    return any(text.startswith(claim) or claim.startswith(text) for text in said if text for claim in claims)


def _old(file: Path) -> str:
    with suppress(OSError), open_file(file) as stream:
        stream.seek(_OLD_AT)
        return hashlib.sha256(stream.read(_OLD_LENGTH)).hexdigest()[:_OLD_LETTERS]
    return ""


def _why(named: Mapping[str, Path], claims: tuple[str, ...]) -> str:
    if not named:
        return "it is not here"
    called = " and ".join(f"'{name}'" for name in named)
    if len(named) > 1 and not claims:
        return f"it may be any of {called}"
    if any(is_folder(file) for file in named.values()):
        return f"{called} is here, but it is a folder, whose hash cannot be compared"
    return f"{called} is here, but it is another file: its hash differs"
