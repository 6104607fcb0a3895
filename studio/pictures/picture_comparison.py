"""Compares two pictures, and what their records say about how they were made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from studio.pictures.picture import Picture

_PINNED: Final = (
    "studio",
    "torch",
    "diffusers",
    "transformers",
    "python",
    "models",
    "loras",
    "passes",
    "size",
)


@dataclass(frozen=True)
class Comparison:
    """How much two pictures differ.

    ``greatest`` and ``mean`` are differences of colour values, 0 to 255; None if the sizes differ. ``reasons`` lists
    what was different when they were made, one line each.
    """

    greatest: int | None
    mean: float | None
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, before: Picture, after: Picture) -> "Comparison":
        """Compare the pixels and records of two pictures."""
        reasons = (*changes(before.job.values, after.job.values), *changes(pinned(before.record), pinned(after.record)))
        one, other = before.image, after.image
        if one.size != other.size:
            return cls(None, None, reasons)
        if one.mode != other.mode:
            one, other = one.convert("RGBA"), other.convert("RGBA")
        apart = np.abs(np.asarray(one).astype(np.int16) - np.asarray(other))
        return cls(int(apart.max()), float(apart.mean()), reasons)

    @property
    def exact(self) -> bool:
        """Whether all pixels are equal."""
        return self.greatest == 0


def pinned(record: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a record, besides the job, that decide how a picture comes out."""
    return {name: record[name] for name in _PINNED if name in record}


def changes(before: Any, after: Any, name: str = "") -> Iterator[str]:
    """One line for each value that differs, at any depth; values missing in an older record do not count."""
    if isinstance(before, list) and isinstance(after, list):
        before, after = dict(enumerate(before, 1)), dict(enumerate(after, 1))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in before:
            yield from changes(before[key], after.get(key), f"{name} {key}".strip())
    elif before != after:
        yield f"{name}: {_shown(before)} → {_shown(after)}"


def _shown(value: Any) -> str:
    text = "nothing" if value in (None, "", []) else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
