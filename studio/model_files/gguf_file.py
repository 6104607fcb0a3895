"""Reads the header of a GGUF file, the format of llama.cpp, which is also used for diffusion models.

The format, little endian: "GGUF", its version, the number of tensors, the number of values; each value has a name, a
type and the value itself; each tensor a name, the number of dimensions, these from the innermost, a type, and an offset
in the data; then the data, aligned. Source: the format's specification by its authors,
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import os
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final, NamedTuple

from studio.errors import ModelError
from studio.files.untrusted import open_file
from studio.model_files.tensors import LONGEST, MOST_TENSORS, HeaderContent, TensorInfo, damaged_header, truncated

MAGIC: Final = b"GGUF"
MOST_ITEMS: Final = 20_000
"""The maximum number of values in a header, with those in lists; the library takes up to half a second for these."""

_VERSIONS: Final = (2, 3)
_MOST_DIMENSIONS: Final = 4
_VALUES: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9


class _Block(NamedTuple):
    """How a type stores numbers: blocks of ``numbers`` in ``size`` bytes."""

    name: str
    numbers: int
    size: int


_TYPES: Final = {
    0: _Block("F32", 1, 4),
    1: _Block("F16", 1, 2),
    2: _Block("Q4_0", 32, 18),
    3: _Block("Q4_1", 32, 20),
    6: _Block("Q5_0", 32, 22),
    7: _Block("Q5_1", 32, 24),
    8: _Block("Q8_0", 32, 34),
    10: _Block("Q2_K", 256, 84),
    11: _Block("Q3_K", 256, 110),
    12: _Block("Q4_K", 256, 144),
    13: _Block("Q5_K", 256, 176),
    14: _Block("Q6_K", 256, 210),
    30: _Block("BF16", 1, 2),
}
"""The types that diffusers supports."""


def parse(path: Path) -> HeaderContent:
    """Parse the header and verify every offset; raises ModelError that says what is wrong with the file."""
    with open_file(path) as stream:
        reader = _GgufReader(path, stream.read(LONGEST), os.fstat(stream.fileno()).st_size)
    tensors, values = _counts(reader)
    metadata, alignment = _metadata(reader, values)
    found = _tensors(reader, tensors)
    data = -(-reader.at // alignment) * alignment
    _check_layout(path, found, reader.size - data, alignment)
    return HeaderContent(found, metadata, data)


@dataclass
class _GgufReader:
    """Reads the beginning of a file sequentially; ``size`` is that of the whole file."""

    path: Path
    head: bytes
    size: int
    at: int = len(MAGIC)
    items: int = 0

    def number(self, kind: str) -> int | float:
        (value,) = struct.unpack("<" + kind, self.take(struct.calcsize("<" + kind)))
        return value  # type: ignore[no-any-return]

    def whole(self, kind: str) -> int:
        return int(self.number(kind))

    def text(self) -> str:
        try:
            return self.take(self.whole("Q")).decode("utf-8")
        except UnicodeDecodeError:
            raise damaged_header(self.path, "has text that is not UTF-8") from None

    def take(self, length: int) -> bytes:
        begin, self.at = self.at, self.at + length
        if self.at > len(self.head):
            raise self._over()
        return self.head[begin : self.at]

    def _over(self) -> ModelError:
        if len(self.head) == self.size:
            return damaged_header(self.path, f"is longer than the whole file, which has {self.size:,} bytes")
        return damaged_header(self.path, f"is longer than the {LONGEST:,} bytes that are allowed")


def _counts(reader: _GgufReader) -> tuple[int, int]:
    version, tensors, values = reader.whole("I"), reader.whole("Q"), reader.whole("Q")
    if version not in _VERSIONS:
        raise damaged_header(reader.path, f"is of the unknown version {version}")
    if tensors > MOST_TENSORS:
        raise damaged_header(reader.path, f"names more than {MOST_TENSORS:,} tensors")
    return tensors, values


def _metadata(reader: _GgufReader, values: int) -> tuple[dict[str, str], int]:
    """The values that are text, and the alignment of the data."""
    metadata: dict[str, str | int | float] = {}
    for _ in range(values):
        name = reader.text()
        if name in metadata:
            raise damaged_header(reader.path, f"has '{name[:80]}' twice")
        metadata[name] = _value(reader, reader.whole("I"))
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or not 0 < alignment <= 4096 or alignment & (alignment - 1):
        raise damaged_header(reader.path, f"aligns its data to {str(alignment)[:20]}")
    return {name: value for name, value in metadata.items() if isinstance(value, str)}, alignment


def _value(reader: _GgufReader, kind: int) -> str | int | float:
    """One value; for a list, its length."""
    reader.items += 1
    if reader.items > MOST_ITEMS:
        raise ModelError(
            f"'{reader.path}' has more than {MOST_ITEMS:,} values in its header, as language models with their "
            "vocabularies have, and hostile files; choose an image model"
        )
    if kind == _TEXT:
        return reader.text()
    if kind in _VALUES:
        return reader.number(_VALUES[kind])
    if kind != _LIST:
        raise damaged_header(reader.path, f"has a value of the unknown type {kind}")
    return _list(reader)


def _list(reader: _GgufReader) -> int:
    kind, length = reader.whole("I"), reader.whole("Q")
    if kind == _LIST:
        raise damaged_header(reader.path, "has lists within lists")
    for _ in range(length):
        _value(reader, kind)
    return length


def _tensors(reader: _GgufReader, count: int) -> dict[str, TensorInfo]:
    found: dict[str, TensorInfo] = {}
    for _ in range(count):
        name = reader.text()
        if name in found:
            raise damaged_header(reader.path, f"names '{name[:80]}' twice")
        found[name] = _tensor(reader, name)
    return found


def _tensor(reader: _GgufReader, name: str) -> TensorInfo:
    dimensions = reader.whole("I")
    if dimensions > _MOST_DIMENSIONS:
        raise damaged_header(reader.path, f"gives '{name[:80]}' {dimensions} dimensions")
    inner = [reader.whole("Q") for _ in range(dimensions)]
    kind, begin = reader.whole("I"), reader.whole("Q")
    if kind not in _TYPES:
        raise ModelError(
            f"'{reader.path}' has '{name[:80]}' in a quantisation that is not supported; get a Q4_0 to Q8_0 file"
        )
    block = _TYPES[kind]
    if (inner[0] if inner else 1) % block.numbers:
        raise damaged_header(reader.path, f"gives '{name[:80]}' rows that {block.name} cannot have")
    return TensorInfo(block.name, tuple(reversed(inner)), begin, begin + prod(inner) // block.numbers * block.size)


def _check_layout(path: Path, tensors: dict[str, TensorInfo], size: int, alignment: int) -> None:
    """Raise ModelError unless the tensors are contiguous, aligned, without overlap, and fill the data to its end."""
    at = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        due = -(-at // alignment) * alignment
        if tensor.begin != due:
            raise damaged_header(path, f"has '{name[:80]}' at the offset {tensor.begin:,} instead of {due:,}")
        at = tensor.end
    if size < at:
        raise truncated(path, max(size, 0), at)
    if size - at >= alignment:
        raise damaged_header(path, f"accounts for {at:,} bytes of data, but {size:,} follow")
