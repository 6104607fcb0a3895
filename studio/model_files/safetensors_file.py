"""Reads the header of a safetensors file.

The format: eight bytes little endian, the header's length; the header, a JSON object of name → dtype,
shape and data_offsets, and ``__metadata__`` of text → text; then the data, without gaps or overlaps.
Source: the format's specification by its authors, https://github.com/huggingface/safetensors.
"""

import os
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, Final

from studio.errors import ModelError
from studio.files import strict_json
from studio.files.untrusted import open_file
from studio.model_files.tensors import LONGEST, MOST_TENSORS, HeaderContent, TensorInfo, damaged_header, truncated

MOST_METADATA: Final = 4 * 2**20
_MOST_DIMENSIONS: Final = 16
_OF_BITS: Final = {
    64: "F64 I64 U64 C64",
    32: "F32 I32 U32",
    16: "F16 BF16 I16 U16",
    8: "I8 U8 BOOL F8_E4M3 F8_E5M2 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ",
    6: "F6_E2M3 F6_E3M2",
    4: "F4",
}
_BITS: Final = {dtype: bits for bits, dtypes in _OF_BITS.items() for dtype in dtypes.split()}
_FOREIGN: Final = (
    (b"PK\x03\x04", "a pickled checkpoint (a zip of PyTorch's), which can run code"),
    (b"\x80", "a pickled checkpoint, which can run code"),
    (b"\x89HDF", "an HDF5 file"),
    (b"<", "a web page or XML, not a model; the download went wrong"),
    (b"version https://git-lfs", "only a pointer of Git LFS; the model itself was not downloaded"),
)


def parse(path: Path) -> HeaderContent:
    """Parse the header and verify every offset; raises ModelError that says what is wrong with the file."""
    with open_file(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(24)
        length = int.from_bytes(head[:8], "little")
        _refuse_foreign(path, head, length, size)
        stream.seek(8)
        text = stream.read(length)
    tensors, metadata = _said(path, text)
    _check_layout(path, tensors, size - 8 - length)
    return HeaderContent(tensors, metadata, 8 + length)


def _refuse_foreign(path: Path, head: bytes, length: int, size: int) -> None:
    """Raise ModelError where the content is in another format, whatever the file's name."""
    if size < 10 or head[8:9] != b"{":
        kind = next((kind for magic, kind in _FOREIGN if head.startswith(magic)), "not a safetensors file")
        raise ModelError(f"'{path}' is {kind}; the studio does not read that: get it in the safetensors format")
    if length > LONGEST:
        raise damaged_header(path, f"is {length:,} bytes long, more than the {LONGEST:,} that are allowed")
    if 8 + length > size:
        raise ModelError(
            f"'{path}' is cut off in its header ({size:,} bytes); it was not downloaded completely: download it again"
        )


def _said(path: Path, text: bytes) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    if (
        text.count(b'"') - text.count(b'\\"') > 10 * MOST_TENSORS
    ):  # ten quotes for each tensor; counted before parsing, which is slow
        raise damaged_header(path, f"names more than {MOST_TENSORS:,} tensors")
    try:
        content = strict_json.loads(text, LONGEST)
        metadata = content.pop("__metadata__", {})
        tensors = {name: _tensor(name, entry) for name, entry in content.items()}
    except (ValueError, AttributeError) as error:
        raise damaged_header(path, f"is not valid ({str(error)[:200]})") from None
    _check_metadata(path, metadata)
    return tensors, metadata


def _tensor(name: str, entry: Any) -> TensorInfo:
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        whole = len(entry) == 3 and type(shape) is list and {*map(type, shape), type(begin), type(end)} == {int}
        if not whole or min(shape, default=0) < 0 or len(shape) > _MOST_DIMENSIONS:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"'{name[:80]}' is not a tensor with dtype, shape and offsets") from None
    if type(dtype) is not str or dtype not in _BITS:
        raise ValueError(f"'{name[:80]}' has the unknown dtype {str(dtype)[:20]}")
    if prod(shape) * _BITS[dtype] != 8 * (end - begin):
        raise ValueError(f"'{name[:80]}' has {end - begin:,} bytes, not what its shape and dtype take")
    return TensorInfo(dtype, tuple(shape), begin, end)


def _check_metadata(path: Path, metadata: Any) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise damaged_header(path, "has metadata that is not text")
    if sum(len(key) + len(value) for key, value in metadata.items()) > MOST_METADATA:
        raise damaged_header(path, f"has more than {MOST_METADATA:,} characters of metadata")


def _check_layout(path: Path, tensors: Mapping[str, TensorInfo], size: int) -> None:
    """Raise ModelError unless the tensors are contiguous, without overlap, and fill the data to its end."""
    at = 0
    for name, begin, end in _in_order(tensors):
        if begin != at:
            raise damaged_header(path, f"has '{name[:80]}' at the offset {begin:,} instead of {at:,}")
        at = end
    if size < at:
        raise truncated(path, size, at)
    if size > at:
        raise damaged_header(path, f"accounts for {at:,} bytes of data, but {size:,} follow")


def _in_order(tensors: Mapping[str, TensorInfo]) -> Iterator[tuple[str, int, int]]:
    spans = [(name, tensor.begin, tensor.end) for name, tensor in tensors.items()]
    return iter(sorted(spans, key=lambda span: span[1:]))
