"""The header of a safetensors file, checked before anything else may parse the file.

The format: eight bytes little endian, the header's length; the header, a JSON object of name → dtype,
shape and data_offsets, and ``__metadata__`` of text → text; then the data, without gaps or overlaps.
Source: the format's description by its authors, https://github.com/huggingface/safetensors.
The limits are ours: the library takes seconds and a gigabyte over a hostile header of 67 MB. A whole
model of today has a few thousand tensors and a header under 1 MB.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from studio.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

LONGEST: Final = 8 * 2**20
MOST_TENSORS: Final = 50_000
MOST_METADATA: Final = 4 * 2**20
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
    (b"GGUF", "a GGUF file, which is not supported here"),
    (b"\x89HDF", "an HDF5 file"),
    (b"<", "a web page or XML, not a model; it was not downloaded right"),
    (b"version https://git-lfs", "only a pointer of Git LFS; the model itself was not downloaded"),
)


class Tensor(NamedTuple):
    """One tensor: its dtype as the format writes it ("F16"), its shape, and where in the data it lies."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """What a safetensors file holds. ``data`` is where its data begins, in bytes."""

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    data: int

    @classmethod
    def read(cls, path: Path) -> "Header":
        """The header, with every offset proven; raises ModelError that says what is wrong with the file."""
        try:
            return _read(path)
        except OSError as error:
            raise ModelError(f"'{path}' cannot be read: {error.strerror or error}") from None

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Tensor name → shape, as families want it to recognise their own."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}

    @property
    def precision(self) -> str:
        """The dtype of most of its bytes."""
        sizes: Counter[str] = Counter()
        for tensor in self.tensors.values():
            sizes[tensor.dtype] += tensor.end - tensor.begin
        return sizes.most_common(1)[0][0] if sizes else "none"

    def bytes_of(self, name: str) -> bytes:
        """The raw data of one tensor."""
        tensor = self.tensors[name]
        with self.path.open("rb") as stream:
            stream.seek(self.data + tensor.begin)
            return stream.read(tensor.end - tensor.begin)

    def numbers(self, name: str) -> "np.ndarray[Any, Any]":
        """The values of one tensor in float64, flat; none for a precision that numpy cannot read."""
        import numpy as np

        raw, dtype = self.bytes_of(name), self.tensors[name].dtype
        if dtype == "BF16":  # the upper half of a float32
            return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4").astype("f8")
        dtype = "U8" if dtype == "BOOL" else dtype
        if dtype[0] not in "FIU" or not dtype[1:].isdigit() or int(dtype[1:]) < 8:
            return np.empty(0)
        return np.frombuffer(raw, f"<{dtype[0].lower()}{int(dtype[1:]) // 8}").astype("f8")


def _read(path: Path) -> Header:
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(24)
        length = int.from_bytes(head[:8], "little")
        _refuse_foreign(path, head, length, size)
        stream.seek(8)
        text = stream.read(length)
    tensors, metadata = _parsed(path, text)
    _check_layout(path, tensors, size - 8 - length)
    return Header(path, tensors, metadata, 8 + length)


def _refuse_foreign(path: Path, head: bytes, length: int, size: int) -> None:
    """The format is told by content; what a file is called says nothing."""
    if size < 10 or head[8:9] != b"{":
        kind = next((kind for magic, kind in _FOREIGN if head.startswith(magic)), "no safetensors file")
        raise ModelError(f"'{path}' is {kind}; the studio reads safetensors only: get the model in that format")
    if length > LONGEST:
        raise _wrong(path, f"is {length:,} bytes long, more than the {LONGEST:,} that are allowed")
    if 8 + length > size:
        raise ModelError(
            f"'{path}' breaks off within its header ({size:,} bytes); it was not downloaded whole: fetch it again"
        )


def _wrong(path: Path, what: str) -> ModelError:
    return ModelError(
        f"the header of '{path}' {what}; the file is damaged or forged: get it again from a trusted place"
    )


def _parsed(path: Path, text: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    if text.count(b'"') - text.count(b'\\"') > 10 * MOST_TENSORS:  # ten quotes to a tensor; counted before it costs
        raise _wrong(path, f"names more than {MOST_TENSORS:,} tensors")
    try:
        content = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
        metadata = content.pop("__metadata__", {})
        tensors = {name: _tensor(name, entry) for name, entry in content.items()}
    except RecursionError:
        raise _wrong(path, "is nested too deeply") from None
    except (ValueError, AttributeError) as error:
        raise _wrong(path, f"is not as the format wants it ({str(error)[:200]})") from None
    _check_metadata(path, metadata)
    return tensors, metadata


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"'{twice[:80]}' is there twice")
    return content


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _tensor(name: str, entry: Any) -> Tensor:
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        whole = len(entry) == 3 and type(shape) is list and {*map(type, shape), type(begin), type(end)} == {int}
        if not whole or min(shape, default=0) < 0:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"'{name[:80]}' is no tensor with dtype, shape and offsets") from None
    if type(dtype) is not str or dtype not in _BITS:
        raise ValueError(f"'{name[:80]}' has the unknown dtype {str(dtype)[:20]}")
    if prod(shape) * _BITS[dtype] != 8 * (end - begin):
        raise ValueError(f"'{name[:80]}' has {end - begin:,} bytes, not what its shape and dtype take")
    return Tensor(dtype, tuple(shape), begin, end)


def _check_metadata(path: Path, metadata: Any) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _wrong(path, "has metadata that is not text")
    if sum(len(key) + len(value) for key, value in metadata.items()) > MOST_METADATA:
        raise _wrong(path, f"has more than {MOST_METADATA:,} letters of metadata")


def _check_layout(path: Path, tensors: Mapping[str, Tensor], size: int) -> None:
    """The tensors follow one another without gap or overlap and fill the data to its end."""
    at = 0
    for name, begin, end in _in_order(tensors):
        if begin != at:
            raise _wrong(path, f"lets '{name[:80]}' begin at {begin:,} where {at:,} is due")
        at = end
    if size < at:
        raise ModelError(
            f"'{path}' is cut off: {size:,} of {at:,} bytes of data are there; it was not downloaded whole: "
            "fetch it again"
        )
    if size > at:
        raise _wrong(path, f"accounts for {at:,} bytes of data, but {size:,} follow")


def _in_order(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, int, int]]:
    spans = [(name, tensor.begin, tensor.end) for name, tensor in tensors.items()]
    return iter(sorted(spans, key=lambda span: span[1:]))
