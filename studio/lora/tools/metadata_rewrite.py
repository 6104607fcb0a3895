"""Copies of weight files with other metadata, and the hash of their tensors."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from studio.files.untrusted import open_file
from studio.lora.library.hashes import of_tensors
from studio.model_files.hash_cache import HashCache
from studio.model_files.header import Header

_HASH: Final = "modelspec.hash_sha256"
_PLACEHOLDER: Final = f"0x{0:064x}"
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


def copy_with_metadata(source: Path, copy: Path, added: Mapping[str, str]) -> None:
    """Copy a file with the ``added`` metadata, and without the keys that are wrong once its tensors change."""
    header = Header.read(source)
    copy.parent.mkdir(parents=True, exist_ok=True)
    with open_file(source) as stream, copy.open("xb") as new:
        new.write(header.with_metadata(with_hash_placeholder({**without_stale(header.metadata), **added})))
        stream.seek(header.data)
        shutil.copyfileobj(stream, new, 2**22)


def without_stale(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a file that is still true when its tensors have changed."""
    return {key: text for key, text in metadata.items() if key not in _STALE}


def with_hash_placeholder(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata with room for the hash that ``write_hash`` fills in."""
    return {**metadata, _HASH: _PLACEHOLDER}


def write_hash(file: Path) -> None:
    """Fill in the SHA-256 of a file's tensors in place of the placeholder in its metadata."""
    header = Header.read(file)
    content = header.with_metadata({**header.metadata, _HASH: f"0x{of_tensors(file, HashCache())}"})
    with file.open("r+b") as stream:
        stream.write(content)
