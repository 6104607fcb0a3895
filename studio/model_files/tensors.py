"""What the formats of weight files have in common: tensors, limits, and errors for damaged files."""

from pathlib import Path
from typing import Final, NamedTuple

from studio.errors import ModelError

LONGEST: Final = 8 * 2**20
"""The maximum size of a header in bytes."""

MOST_TENSORS: Final = 50_000


class TensorInfo(NamedTuple):
    """One tensor: its dtype as the format writes it ("F16"), its shape, and where in the data it begins and ends."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class HeaderContent(NamedTuple):
    """The content of a header. ``data`` is the offset of the data in bytes."""

    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]
    data: int


def damaged_header(path: Path, what: str) -> ModelError:
    """The error for an invalid header."""
    return ModelError(
        f"the header of '{path}' {what}; the file is damaged or forged: get it again from a trusted place"
    )


def truncated(path: Path, there: int, due: int) -> ModelError:
    """The error for a file that ends before its data does."""
    return ModelError(
        f"'{path}' is cut off: it has {there:,} of {due:,} bytes of data; it was not downloaded completely: "
        "download it again"
    )
