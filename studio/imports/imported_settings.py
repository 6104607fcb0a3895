"""The settings of a picture or graph of another tool, converted to the studio's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asset:
    """A file that was used: ``kind`` is "model", "lora", "vae", "controlnet", "embedding" or "upscaler".

    ``hashes`` are what the other tool claims: lower-case hex of any length, without "0x", never more than a hint. A
    hash other than SHA-256 has its kind as a prefix, "blake3:…". ``weight`` is a LoRA's weight, ``text`` its weight in
    the text encoders if that differs.
    """

    kind: str
    name: str
    hashes: tuple[str, ...] = ()
    weight: float = 1.0
    text: float | None = None


@dataclass(frozen=True)
class SkippedSetting:
    """A setting that was not imported: its name in the other tool, its value, and why."""

    name: str
    value: str
    why: str

    def __str__(self) -> str:
        """ "ENSD 31337: why"."""
        value = self.value if len(self.value) <= 80 else f"{self.value[:79]}…"
        return f"{' '.join(f'{self.name} {value}'.split())}: {self.why}"


@dataclass(frozen=True)
class ImportedSettings:
    """The settings of another tool, as far as the studio has the same.

    ``workflow`` is the name of our workflow that does the same, and ``values`` are for its inputs, including ``seed``.
    If none of our workflows does it, ``definition`` is the content of a workflow file. Models and LoRAs are not in the
    values, as their local names are unknown: the definition has them by the names in ``assets``. ``skipped`` lists
    every setting that is not in the rest. ``clip_skip`` is by the input's name and as the tool counts it, as the
    conversion depends on the model, see ``pictures.clip_skip``.
    """

    tool: str
    workflow: str = "text-to-image"
    definition: Mapping[str, Any] | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    assets: tuple[Asset, ...] = ()
    skipped: tuple[SkippedSetting, ...] = ()
    clip_skip: Mapping[str, int] = field(default_factory=dict)
