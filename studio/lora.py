"""A LoRA as it is asked for: which, how strongly, where in the model and during which steps."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from studio.errors import InputError

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_MOST: Final = 10.0
FORM: Final = "NAME:WEIGHT, then if need be :text=WEIGHT, :from=SHARE, :to=SHARE, :partial=1, :MODULE=WEIGHT"


@dataclass(frozen=True)
class Lora:
    """A LoRA by its name or path, and what is asked of it.

    ``weight`` (-10 to 10) is its strength, ``text`` the one in the text encoders where that differs. It acts from
    the share ``start`` of the steps to the share ``end``. ``blocks`` gives modules a strength of their own in place
    of ``weight``: each is the beginning of a module's dotted name ("up_blocks.1"), whole parts of it, and the longest
    that fits counts. ``partial`` takes a file also where only some of it fits the model.
    """

    part: str
    weight: float = 1.0
    text: float | None = None
    start: float = 0.0
    end: float = 1.0
    blocks: tuple[tuple[str, float], ...] = ()
    partial: bool = False

    def __post_init__(self) -> None:
        weights = [self.weight, self.text or 0.0, *(weight for _, weight in self.blocks)]
        if not self.part or any(abs(weight) > _MOST for weight in weights):
            raise InputError(f"the LoRA '{self}' needs a name, and weights from -{_MOST:g} to {_MOST:g}")
        if not 0 <= self.start < self.end <= 1:
            raise InputError(f"the LoRA '{self}' must end after it begins, both from 0 to 1")

    @classmethod
    def parse(cls, text: str) -> "Lora":
        """Read FORM: "neon:0.8", "neon:0.8:text=0.5:from=0.2:to=0.8:up_blocks.1=0".

        Raises InputError that shows the form where the text is none.
        """
        name, *rest = (piece.strip() for piece in text.split(":"))
        weight = rest.pop(0) if rest and "=" not in rest[0] else "1"
        named = [piece.partition("=")[::2] for piece in rest]
        if not name or not all(key and _NUMBER.fullmatch(value) for key, value in [("weight", weight), *named]):
            raise InputError(f"'{text}' is no LoRA as the studio reads it; write {FORM}")
        own = dict(named)
        text_weight, start, end, partial = (own.pop(key, None) for key in ("text", "from", "to", "partial"))
        blocks = tuple((module, float(value)) for module, value in own.items())
        return cls(
            name,
            float(weight),
            None if text_weight is None else float(text_weight),
            float(start or 0),
            float(end or 1),
            blocks,
            bool(float(partial or 0)),
        )

    def __str__(self) -> str:
        return ":".join(self._pieces())

    def _pieces(self) -> Iterator[str]:
        yield self.part
        yield f"{self.weight:g}"
        named = (
            ("text", self.text, None),
            ("from", self.start, 0.0),
            ("to", self.end, 1.0),
            ("partial", self.partial, False),
        )
        yield from (f"{key}={value:g}" for key, value, usual in named if value != usual)
        yield from (f"{module}={value:g}" for module, value in self.blocks)

    def weight_in(self, module: str) -> float:
        """Its strength in a module of the denoiser, by the module's dotted name."""
        fits = [(len(begin), weight) for begin, weight in self.blocks if f"{module}.".startswith(f"{begin}.")]
        return max(fits)[1] if fits else self.weight
