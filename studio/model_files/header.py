"""The header of a weight file, checked before a library parses the file; formats are detected by content.

The limits are stricter than the formats': libraries need seconds and a gigabyte for a hostile header of 67 MB. Whole
models have a few thousand tensors and headers under 1 MB.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.errors import ModelError
from studio.files.untrusted import open_file
from studio.model_files import gguf_file, safetensors_file
from studio.model_files.tensors import TensorInfo

_FORMATS: Final = {".gguf": gguf_file, ".safetensors": safetensors_file}

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Header:
    """The header of a weight file. ``format`` is its suffix (".safetensors"), ``data`` the offset of the data."""

    path: Path
    format: str
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]
    data: int

    @classmethod
    def read(cls, path: Path) -> "Header":
        """Read the header and verify every offset; raises ModelError that says what is wrong with the file."""
        try:
            with open_file(path) as stream:
                ending = ".gguf" if stream.read(4) == gguf_file.MAGIC else ".safetensors"
            return cls(path, ending, *_FORMATS[ending].parse(path))
        except OSError as error:
            raise ModelError(f"'{path}' cannot be read: {error.strerror or error}") from None

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Tensor name → shape, by which families recognise their models."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}

    @property
    def precision(self) -> str:
        """The dtype of most of the bytes."""
        sizes: Counter[str] = Counter()
        for tensor in self.tensors.values():
            sizes[tensor.dtype] += tensor.end - tensor.begin
        return sizes.most_common(1)[0][0] if sizes else "none"

    def bytes_of(self, name: str) -> bytes:
        """The raw data of one tensor."""
        tensor = self.tensors[name]
        with open_file(self.path) as stream:
            stream.seek(self.data + tensor.begin)
            return stream.read(tensor.end - tensor.begin)

    def numbers(self, name: str) -> "np.ndarray[Any, Any]":
        """The values of one tensor in float64, flat; empty for a dtype that numpy cannot read."""
        import numpy as np

        raw, dtype = self.bytes_of(name), self.tensors[name].dtype
        if dtype == "BF16":  # the upper half of a float32
            return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4").astype("f8")
        if dtype == "F8_E5M2":  # the upper half of a float16
            return (np.frombuffer(raw, "u1").astype("<u2") << 8).view("<f2").astype("f8")
        if dtype == "F8_E4M3":
            return _e4m3(np.frombuffer(raw, "u1").astype("i4"))
        dtype = "U8" if dtype == "BOOL" else dtype
        if dtype[0] not in "FIU" or not dtype[1:].isdigit() or int(dtype[1:]) < 8:
            return np.empty(0)
        return np.frombuffer(raw, f"<{dtype[0].lower()}{int(dtype[1:]) // 8}").astype("f8")

    def with_metadata(self, metadata: Mapping[str, str]) -> bytes:
        """Everything before the data of a safetensors file, with other metadata; the data can follow unchanged.

        It is padded with spaces so that the data begins at a multiple of eight.
        """
        tensors = {
            name: {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": (tensor.begin, tensor.end)}
            for name, tensor in self.tensors.items()
        }
        content = ({"__metadata__": dict(metadata)} if metadata else {}) | tensors
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)
        return len(text).to_bytes(8, "little") + text


def _e4m3(raw: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """fp8 (E4M3) as numbers: a sign, four bits of exponent with a bias of 7, three of mantissa; all ones is NaN.

    There is no infinity. https://arxiv.org/abs/2209.05433, table 1.
    """
    import numpy as np

    exponent, mantissa = raw >> 3 & 15, raw & 7
    size = np.where(exponent > 0, (8 + mantissa) * 2.0 ** (exponent - 10), mantissa * 2.0**-9)
    return np.where(raw & 127 == 127, np.nan, np.where(raw > 127, -size, size))
