"""What the header of a GGUF file says, as llama.cpp's relatives write diffusion models too.

The format, little endian: "GGUF", its version, how many tensors, how many values; each value a name, a type and
itself; each tensor a name, how many dimensions, these from the innermost, a type, and where in the data it begins;
then the data, aligned. Source: the format's description by its authors,
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
from studio.model_files.tensors import LONGEST, MOST_TENSORS, Content, Tensor, cut, wrong

MAGIC: Final = b"GGUF"
MOST_ITEMS: Final = 20_000
"""Values in a header, those in lists counted singly; the library takes up to half a second for so many."""

_VERSIONS: Final = (2, 3)
_MOST_DIMENSIONS: Final = 4
_VALUES: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9


class _Block(NamedTuple):
    """How a type stores numbers: so many in so many bytes."""

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
"""Those that diffusers reads."""


def parsed(path: Path) -> Content:
    """The header, with every offset proven; raises ModelError that says what is wrong with the file."""
    with open_file(path) as stream:
        reader = _Reader(path, stream.read(LONGEST), os.fstat(stream.fileno()).st_size)
    tensors, values = _counts(reader)
    metadata, alignment = _metadata(reader, values)
    found = _tensors(reader, tensors)
    data = -(-reader.at // alignment) * alignment
    _check_layout(path, found, reader.size - data, alignment)
    return Content(found, metadata, data)


@dataclass
class _Reader:
    """The beginning of a file, read from front to back; ``size`` is that of the whole file."""

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
            raise wrong(self.path, "holds text that is none") from None

    def take(self, length: int) -> bytes:
        begin, self.at = self.at, self.at + length
        if self.at > len(self.head):
            raise self._over()
        return self.head[begin : self.at]

    def _over(self) -> ModelError:
        if len(self.head) == self.size:
            return wrong(self.path, f"is longer than the whole file, which has {self.size:,} bytes")
        return wrong(self.path, f"is longer than the {LONGEST:,} bytes that are allowed")


def _counts(reader: _Reader) -> tuple[int, int]:
    version, tensors, values = reader.whole("I"), reader.whole("Q"), reader.whole("Q")
    if version not in _VERSIONS:
        raise wrong(reader.path, f"is of the unknown version {version}")
    if tensors > MOST_TENSORS:
        raise wrong(reader.path, f"names more than {MOST_TENSORS:,} tensors")
    return tensors, values


def _metadata(reader: _Reader, values: int) -> tuple[dict[str, str], int]:
    """The values that are text, and what the data is aligned to."""
    said: dict[str, str | int | float] = {}
    for _ in range(values):
        name = reader.text()
        if name in said:
            raise wrong(reader.path, f"says '{name[:80]}' twice")
        said[name] = _value(reader, reader.whole("I"))
    alignment = said.get("general.alignment", 32)
    if type(alignment) is not int or not 0 < alignment <= 4096 or alignment & (alignment - 1):
        raise wrong(reader.path, f"aligns its data to {str(alignment)[:20]}")
    return {name: value for name, value in said.items() if isinstance(value, str)}, alignment


def _value(reader: _Reader, kind: int) -> str | int | float:
    """One value; of a list, how long it is."""
    reader.items += 1
    if reader.items > MOST_ITEMS:
        raise ModelError(
            f"'{reader.path}' says more than {MOST_ITEMS:,} things of itself, as language models do with their "
            "vocabularies and hostile files; no model that draws does"
        )
    if kind == _TEXT:
        return reader.text()
    if kind in _VALUES:
        return reader.number(_VALUES[kind])
    if kind != _LIST:
        raise wrong(reader.path, f"has a value of the unknown type {kind}")
    return _list(reader)


def _list(reader: _Reader) -> int:
    kind, length = reader.whole("I"), reader.whole("Q")
    if kind == _LIST:
        raise wrong(reader.path, "has lists within lists")
    for _ in range(length):
        _value(reader, kind)
    return length


def _tensors(reader: _Reader, count: int) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for _ in range(count):
        name = reader.text()
        if name in found:
            raise wrong(reader.path, f"names '{name[:80]}' twice")
        found[name] = _tensor(reader, name)
    return found


def _tensor(reader: _Reader, name: str) -> Tensor:
    dimensions = reader.whole("I")
    if dimensions > _MOST_DIMENSIONS:
        raise wrong(reader.path, f"gives '{name[:80]}' {dimensions} dimensions")
    inner = [reader.whole("Q") for _ in range(dimensions)]
    kind, begin = reader.whole("I"), reader.whole("Q")
    if kind not in _TYPES:
        raise ModelError(f"'{reader.path}' rounds '{name[:80]}' in a way not supported here; take a Q4_0 to Q8_0 file")
    block = _TYPES[kind]
    if (inner[0] if inner else 1) % block.numbers:
        raise wrong(reader.path, f"gives '{name[:80]}' rows that {block.name} cannot have")
    return Tensor(block.name, tuple(reversed(inner)), begin, begin + prod(inner) // block.numbers * block.size)


def _check_layout(path: Path, tensors: dict[str, Tensor], size: int, alignment: int) -> None:
    """The tensors follow one another, each aligned, without overlap, and fill the data to its end."""
    at = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        due = -(-at // alignment) * alignment
        if tensor.begin != due:
            raise wrong(path, f"lets '{name[:80]}' begin at {tensor.begin:,} where {due:,} is due")
        at = tensor.end
    if size < at:
        raise cut(path, max(size, 0), at)
    if size - at >= alignment:
        raise wrong(path, f"accounts for {at:,} bytes of data, but {size:,} follow")
