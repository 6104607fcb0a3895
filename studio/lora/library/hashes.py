"""A LoRA's hashes: what others know it by, and whether those it carries are true.

The whole file's SHA-256 is Civitai's SHA256, its first ten letters AutoV2. The SHA-256 of the data alone, without the
header, stays the same when metadata is edited: kohya's ``sshs_model_hash``, ModelSpec's ``modelspec.hash_sha256``
(after "0x"), and its first twelve letters are Civitai's AutoV3. Source of the latter: ``addnet_hash_safetensors`` in
https://github.com/kohya-ss/sd-scripts (library/train_util.py).
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from studio.errors import ModelError
from studio.files.untrusted import open_file
from studio.lora.library import sidecars
from studio.model_files.hash_cache import HashCache
from studio.model_files.hashes import Stamp, digest
from studio.model_files.header import Header

_OF_NOTHING: Final = hashlib.sha256().hexdigest()
_BLOCK: Final = 2**20
_HASH: Final = re.compile("[0-9a-f]{8,64}")
_KINDS: Final = {"SHA256": "file", "AUTOV2": "file", "AUTOV3": "tensors"}
_KEYS: Final = ("sshs_model_hash", "modelspec.hash_sha256")


class Declared(NamedTuple):
    """A hash that somebody gives the file: where it says so, of which content ("file", "tensors"), the hash."""

    source: str
    of: str
    text: str


@dataclass(frozen=True)
class Digests:
    """``file`` and ``tensors`` are SHA-256 in full; ``wrong`` says which hashes that it was given are not its own."""

    file: str
    tensors: str
    wrong: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path, hash_cache: HashCache) -> "Digests":
        """Reads all of the file; raises ModelError where it cannot."""
        found = cls(digest(path, hash_cache), of_tensors(path, hash_cache))
        return cls(found.file, found.tensors, tuple(_wrong(found, path)))

    @property
    def autov2(self) -> str:
        return self.file[:10].upper()

    @property
    def autov3(self) -> str:
        return self.tensors[:12].upper()


def of_tensors(path: Path, hash_cache: HashCache) -> str:
    """The SHA-256 of all that follows the header; raises ModelError where the file cannot be read."""
    return _tensors(path, Stamp.settled(path), hash_cache)


@lru_cache(maxsize=1024)
def _tensors(path: Path, stamp: Stamp, hash_cache: HashCache) -> str:
    return hash_cache.remembered(path, "tensors", stamp, _read_tensors)


def _read_tensors(path: Path) -> str:
    begin, whole = Header.read(path).data, hashlib.sha256()
    try:
        with open_file(path) as stream:
            stream.seek(begin)
            while block := stream.read(_BLOCK):
                whole.update(block)
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror or error}") from None
    return whole.hexdigest()


def _wrong(found: Digests, path: Path) -> Iterator[str]:
    """Of a model's several files a sidecar lists the hashes of all, so one that is right is enough for each kind."""
    given: dict[tuple[str, str], list[str]] = {}
    for source, of, text in _declared(path):
        given.setdefault((source, of), []).append(text)
    for (source, of), texts in given.items():
        own = found.file if of == "file" else found.tensors
        if any(_OF_NOTHING.startswith(text) for text in texts):
            yield f"{source} gives it the hash of nothing ({_OF_NOTHING[:12]}), which says nothing of it"
        elif not any(own.startswith(text) for text in texts):
            yield f"{source} says {texts[0][:12]} of its {of}; it is {own[:12]}: the file was changed since, or forged"


def _declared(path: Path) -> Iterator[Declared]:
    metadata = Header.read(path).metadata
    said = [(key, "tensors", metadata[key]) for key in _KEYS if key in metadata]
    said += [(source, _KINDS.get(kind.upper(), ""), text) for source, kind, text in sidecars.declared(path)]
    for source, of, text in said:
        if of and _HASH.fullmatch(text := text.strip().lower().removeprefix("0x")):
            yield Declared(source, of, text)
