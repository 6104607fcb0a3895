"""What a picture or a graph of another tool says about how it was made, in the studio's words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asset:
    """A file that was used: ``kind`` is "model", "lora", "vae", "controlnet", "embedding" or "upscaler".

    ``hashes`` are what the other tool claims, lower-case hex of any length and kind, without "0x"; never more than a
    hint. One that is no SHA-256 has its kind before it, "blake3:…". ``weight`` is a LoRA's, ``text`` its weight in the
    text encoders where that differs.
    """

    kind: str
    name: str
    hashes: tuple[str, ...] = ()
    weight: float = 1.0
    text: float | None = None


@dataclass(frozen=True)
class SkippedSetting:
    """A setting that found no place here: as it is called there, its value, and why."""

    name: str
    value: str
    why: str

    def __str__(self) -> str:
        """ "ENSD 31337: why"."""
        value = self.value if len(self.value) <= 80 else f"{self.value[:79]}…"
        return f"{' '.join(f'{self.name} {value}'.split())}: {self.why}"


@dataclass(frozen=True)
class ImportedSettings:
    """What was asked of another tool, as far as it can be said here.

    ``workflow`` names the one of ours that suits and ``values`` are for its inputs, ``seed`` among them; what is
    drawn by no workflow of ours comes with a ``definition`` of its own, the content of a workflow file. Neither names
    models or LoRAs as they are called here: those in the definition stand there by the names that ``assets`` have, and
    all else is in ``assets`` alone. ``left`` lists, by name, everything that is not in the rest. ``clip_skip`` is by
    the input's name and as the tool counts it: what it is here depends on the model, see ``record.clip_skip``.
    """

    tool: str
    workflow: str = "text-to-image"
    definition: Mapping[str, Any] | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    assets: tuple[Asset, ...] = ()
    skipped: tuple[SkippedSetting, ...] = ()
    clip_skip: Mapping[str, int] = field(default_factory=dict)
