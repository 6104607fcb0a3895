"""Copies of weight files with other metadata, and the hash of what is in them."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from studio.files.untrusted import open_file
from studio.lora.library.hashes import of_tensors
from studio.model_files.hash_cache import HashCache
from studio.model_files.header import Header

_HASH: Final = "modelspec.hash_sha256"
_UNKNOWN: Final = f"0x{0:064x}"
_STALE: Final = frozenset(
    {
        "sshs_model_hash",
        "sshs_legacy_hash",
        "ss_network_dim",
        "ss_network_alpha",
        "lora_adapter_metadata",
        "modelspec.thumbnail",
    }
)


def relabelled(source: Path, copy: Path, told: Mapping[str, str]) -> None:
    """Write a copy whose metadata also says ``told``, and no longer what is untrue when its tensors change."""
    header = Header.read(source)
    copy.parent.mkdir(parents=True, exist_ok=True)
    with open_file(source) as stream, copy.open("xb") as new:
        new.write(header.with_metadata(unsealed({**still_true(header.metadata), **told})))
        stream.seek(header.data)
        shutil.copyfileobj(stream, new, 2**22)


def still_true(metadata: Mapping[str, str]) -> dict[str, str]:
    """What of a file's metadata still holds when its tensors have changed."""
    return {key: text for key, text in metadata.items() if key not in _STALE}


def unsealed(metadata: Mapping[str, str]) -> dict[str, str]:
    """With room for the hash that ``seal`` puts in."""
    return {**metadata, _HASH: _UNKNOWN}


def seal(file: Path) -> None:
    """Put the SHA-256 of a file's tensors into its metadata, where it is ``unsealed``."""
    header = Header.read(file)
    content = header.with_metadata({**header.metadata, _HASH: f"0x{of_tensors(file, HashCache())}"})
    with file.open("r+b") as stream:
        stream.write(content)
