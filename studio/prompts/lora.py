"""A LoRA as it is requested: which, how strong, where in the model and during which steps."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from studio.errors import InputError

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_QUOTED: Final = re.compile(r'^\s*"([^"]*)"')
_MOST: Final = 10.0
FORM: Final = "NAME:WEIGHT, then if need be :text=WEIGHT, :from=SHARE, :to=SHARE, :partial=1, :MODULE=WEIGHT"
_ELSEWHERE: Final = {
    "dyn": "a rank to cut it to",
    "lbw": "weights by blocks",
    "lbwe": "weights by blocks",
    "start": "a step to begin at",
    "stop": "a step to end at",
    "step": "steps to act in",
}  # keys of A1111 and of its extension sd-webui-lora-block-weight


@dataclass(frozen=True)
class Lora:
    """A LoRA by its name or path, and how it is applied.

    ``weight`` (-10 to 10) is its strength, ``text`` the one in the text encoders where that differs. It is active from
    the share ``start`` of the steps to the share ``end``. ``blocks`` gives modules a strength of their own in place of
    ``weight``: each is a prefix of a module's dotted name ("up_blocks.1"), whole components of it, and the longest
    match counts. ``partial`` accepts a file of which only some modules fit the model.
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
        """Parse FORM: "neon:0.8", "neon:0.8:text=0.5:from=0.2:to=0.8:up_blocks.1=0".

        As in A1111 (``extensions-builtin/Lora/extra_networks_lora.py``) two weights are those in the text encoders and
        in the denoiser, "neon:0.5:1", and can be named, "neon:te=0.5:unet=1". Quotation marks around a name, which
        protect its commas in a list, are removed. Raises InputError that shows the form where the text is invalid.
        """
        name, alone, keyed = _pieces_of(text)
        weight, encoders = _two(text, alone, keyed)
        start, end, partial = keyed.pop("from", 0.0), keyed.pop("to", 1.0), keyed.pop("partial", 0.0)
        return cls(name, weight, encoders, start, end, tuple(keyed.items()), bool(partial))

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
        """The strength in a module of the denoiser, by the module's dotted name."""
        fits = [(len(begin), weight) for begin, weight in self.blocks if f"{module}.".startswith(f"{begin}.")]
        return max(fits)[1] if fits else self.weight


def _pieces_of(text: str) -> tuple[str, list[float], dict[str, float]]:
    """The name, the numbers without a key, and those with one."""
    name, *pieces = (piece.strip() for piece in _QUOTED.sub(r"\1", text).split(":"))
    alone = [piece for piece in pieces if "=" not in piece]
    keyed = dict(piece.split("=", 1) for piece in pieces if "=" in piece)
    if known := next((key for key in keyed if key in _ELSEWHERE), None):
        raise InputError(f"the LoRA '{text}' has '{known}', {_ELSEWHERE[known]}, which is not supported; remove it")
    if not name or not all(keyed) or not all(map(_NUMBER.fullmatch, (*alone, *keyed.values()))):
        raise _formless(text)
    return name, [float(one) for one in alone], {key: float(value) for key, value in keyed.items()}


def _two(text: str, alone: list[float], keyed: dict[str, float]) -> tuple[float, float | None]:
    """The weight, and the one in the text encoders where that differs; removes their keys from ``keyed``."""
    if len(alone) > 2:
        raise _formless(text)
    if len(alone) < 2 and not {"te", "unet"} & keyed.keys():
        return next(iter(alone), 1.0), keyed.pop("text", None)
    encoders = keyed.pop("te", next(iter(alone), 1.0))
    weight = keyed.pop("unet", alone[1] if len(alone) > 1 else encoders)
    if "text" in keyed:  # given twice
        raise _formless(text)
    return weight, None if encoders == weight else encoders


def _formless(text: str) -> InputError:
    return InputError(f"'{text}' is not a valid LoRA; write {FORM}")
