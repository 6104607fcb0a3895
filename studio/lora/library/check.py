"""Checks a LoRA against a model before it is used: which layers apply, which do not, and why."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from studio.lora.formats.file import LoraFile
from studio.lora.formats.fit import Fit, fit
from studio.lora.formats.format_summary import formats, part, strengths
from studio.lora.library import base_model, privacy
from studio.lora.library.card import LoraCard
from studio.lora.library.lora_summary import about, data
from studio.models.card import ModelCard
from studio.models.parameter_index import parameters

_FEW: Final = 5


@dataclass(frozen=True)
class LoraCheck:
    """A LoRA's card and file, a model's card, and how the two fit; no weights are loaded."""

    card: LoraCard
    file: LoraFile
    model: ModelCard
    fit: Fit

    @classmethod
    def of(cls, path: Path, model: ModelCard) -> "LoraCheck":
        """Raises ModelError where the file is damaged, is not a LoRA, or has an ambiguous name of a module."""
        file = LoraFile.read(path)
        return cls(LoraCard.read(path), file, model, fit(file, parameters(model), model.family))

    @property
    def applied(self) -> int:
        return len(self.fit.matched)

    @cached_property
    def problem(self) -> str:
        """Why the model cannot use all of it, and what to do, in one line; "" where it can."""
        model, whole = self.model, len(self.file.layers)
        if self.card.family and self.card.family != model.family.name:
            wanted = base_model.title(self.card.family)
            return (
                f"it is for {wanted}, and {model.name} is {model.family.title}; name a model of {wanted} with --model"
            )
        if not self.applied:
            return f"none of its layers fits {model.name}; {self._advice()}"
        if self.fit.share < 1:
            return f"only {self.applied} of its {whole} layers fit {model.name}; {self._advice()}"
        if all(layer.has_no_effect for layer in self.file.layers):
            return "all its alphas are 0, so it changes nothing; get the file as it was trained"
        if self.file.unrecognised:
            count = len(self.file.unrecognised)
            return f"{count} of its tensors are in an unknown format and would do nothing; get it in another format"
        return ""

    def lines(self) -> Iterator[tuple[str, str]]:
        """Pairs of label and text, the verdict last; reads the whole file for its hashes."""
        yield from about(self.card, self.model.hash_cache)
        yield "format", formats(self.file.layers)
        yield "rank", strengths(self.file.layers)
        yield "parts", _parts(self.file)
        if idle := sum(layer.has_no_effect for layer in self.file.layers):
            yield "note", f"{idle} of its layers have an alpha of 0 and change nothing"
        layers = f"{self.applied} of {len(self.file.layers)} layers ({self.fit.share:.0%})"
        yield "applied", f"{layers} to {self.model.name}"
        yield from _named("skipped", self.fit.unknown)
        yield from _named("wrong shape", map(str, self.fit.mismatched))
        yield from _named("unrecognised", self.file.unrecognised)
        yield from _private(privacy.findings(self.file.metadata))
        yield "verdict", self.problem or f"fits {self.model.name}"

    def data(self) -> dict[str, Any]:
        """The same for programs, with all names."""
        return data(self.card, self.model.hash_cache) | {
            "format": formats(self.file.layers),
            "rank": strengths(self.file.layers),
            "ranks": sorted({layer.rank for layer in self.file.layers if layer.rank}),
            "alphas": sorted({layer.alpha for layer in self.file.layers if layer.alpha is not None}),
            "parts": dict(Counter(part(layer.target) for layer in self.file.layers)),
            "embeddings": list(self.file.embeddings),
            "model": self.model.name,
            "applied": self.applied,
            "changes": len(self.file.layers),
            "share": self.fit.share,
            "skipped": list(self.fit.unknown),
            "misshaped": [str(wrong) for wrong in self.fit.mismatched],
            "strays": list(self.file.unrecognised),
            "private": [found._asdict() for found in privacy.findings(self.file.metadata)],
            "fits": not self.problem,
            "problem": self.problem,
        }

    def _advice(self) -> str:
        if self.fit.mismatched and not self.fit.unknown:
            return "its shapes are those of another model: name the one it was made for with --model"
        return "name the model that it was made for with --model"


def _parts(file: LoraFile) -> str:
    counted = Counter(part(layer.target) for layer in file.layers)
    words = [f"embedding '{word}'" for word in file.embeddings]
    return ", ".join([*(f"{name} ({times})" for name, times in sorted(counted.items())), *words])


def _private(found: list[privacy.PrivacyFinding]) -> Iterator[tuple[str, str]]:
    yield from (("private", f"{each.what}: {each.text}") for each in found)
    if found:
        yield "private", "--scrub writes a copy without all this"


def _named(what: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The first names, a line each, and how many more there are."""
    every = list(names)
    yield from ((what, name) for name in every[:_FEW])
    if len(every) > _FEW:
        yield what, f"… and {len(every) - _FEW:,} more, all of them with --json"
