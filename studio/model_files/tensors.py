"""What the formats of weight files have in common: tensors, limits, and how a damaged file is refused."""

from pathlib import Path
from typing import Final, NamedTuple

from studio.errors import ModelError

LONGEST: Final = 8 * 2**20
"""Bytes that a header may have."""

MOST_TENSORS: Final = 50_000


class Tensor(NamedTuple):
    """One tensor: its dtype as the format writes it ("F16"), its shape, and where in the data it lies."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Content(NamedTuple):
    """What a header says. ``data`` is where the data begins, in bytes."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    data: int


def wrong(path: Path, what: str) -> ModelError:
    """The error for a header that no program writes."""
    return ModelError(
        f"the header of '{path}' {what}; the file is damaged or forged: get it again from a trusted place"
    )


def cut(path: Path, there: int, due: int) -> ModelError:
    """The error for a file that ends before its data does."""
    return ModelError(
        f"'{path}' is cut off: {there:,} of {due:,} bytes of data are there; it was not downloaded whole: "
        "fetch it again"
    )
