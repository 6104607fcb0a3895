"""A LoRA held against a model before it is used: what of it applies, what does not, and why."""

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
class Check:
    """A LoRA's card and file, a model's card, and how the two fit; nothing is loaded."""

    card: LoraCard
    file: LoraFile
    model: ModelCard
    fit: Fit

    @classmethod
    def of(cls, path: Path, model: ModelCard) -> "Check":
        """Raises ModelError where the file is damaged, is no LoRA, or could mean one module or another."""
        file = LoraFile.read(path)
        return cls(LoraCard.read(path), file, model, fit(file, parameters(model), model.family))

    @property
    def applied(self) -> int:
        return len(self.fit.fitted)

    @cached_property
    def problem(self) -> str:
        """What keeps the model from drawing with all of it, and what to do, in one line; "" where nothing does."""
        model, whole = self.model, len(self.file.changes)
        if self.card.family and self.card.family != model.family.name:
            wanted = base_model.title(self.card.family)
            return (
                f"it is for {wanted}, and {model.name} is {model.family.title}; name a model of {wanted} with --model"
            )
        if not self.applied:
            return f"nothing of it fits {model.name}; {self._advice()}"
        if self.fit.share < 1:
            return f"only {self.applied} of its {whole} changes fit {model.name}; {self._advice()}"
        if all(change.idle for change in self.file.changes):
            return "all its alphas are 0, so that it changes nothing; get the file as it was trained"
        if self.file.strays:
            count = len(self.file.strays)
            return f"{count} of its tensors are of no format known here and would do nothing; get it in another format"
        return ""

    def lines(self) -> Iterator[tuple[str, str]]:
        """Pairs of what and how, the verdict last; reads the whole file for its hashes."""
        yield from about(self.card, self.model.hash_cache)
        yield "format", formats(self.file.changes)
        yield "rank", strengths(self.file.changes)
        yield "parts", _parts(self.file)
        if idle := sum(change.idle for change in self.file.changes):
            yield "note", f"{idle} of its changes have an alpha of 0 and change nothing"
        yield (
            "applied",
            f"{self.applied} of {len(self.file.changes)} changes ({self.fit.share:.0%}) to {self.model.name}",
        )
        yield from _named("skipped", self.fit.unknown)
        yield from _named("mis-shaped", map(str, self.fit.misshaped))
        yield from _named("strays", self.file.strays)
        yield from _private(privacy.findings(self.file.metadata))
        yield "verdict", self.problem or f"fits {self.model.name}"

    def data(self) -> dict[str, Any]:
        """The same for programs, with all names."""
        return data(self.card, self.model.hash_cache) | {
            "format": formats(self.file.changes),
            "rank": strengths(self.file.changes),
            "ranks": sorted({change.rank for change in self.file.changes if change.rank}),
            "alphas": sorted({change.alpha for change in self.file.changes if change.alpha is not None}),
            "parts": dict(Counter(part(change.target) for change in self.file.changes)),
            "embeddings": list(self.file.embeddings),
            "model": self.model.name,
            "applied": self.applied,
            "changes": len(self.file.changes),
            "share": self.fit.share,
            "skipped": list(self.fit.unknown),
            "misshaped": [str(wrong) for wrong in self.fit.misshaped],
            "strays": list(self.file.strays),
            "private": [found._asdict() for found in privacy.findings(self.file.metadata)],
            "fits": not self.problem,
            "problem": self.problem,
        }

    def _advice(self) -> str:
        if self.fit.misshaped and not self.fit.unknown:
            return "its sizes are those of another model: name the one it was made for with --model"
        return "name the model that it was made for with --model"


def _parts(file: LoraFile) -> str:
    counted = Counter(part(change.target) for change in file.changes)
    words = [f"embedding '{word}'" for word in file.embeddings]
    return ", ".join([*(f"{name} ({times})" for name, times in sorted(counted.items())), *words])


def _private(found: list[privacy.Finding]) -> Iterator[tuple[str, str]]:
    yield from (("private", f"{each.what}: {each.text}") for each in found)
    if found:
        yield "private", "a copy without all this is written with --scrub"


def _named(what: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The first names, a line each, and how many more there are."""
    every = list(names)
    yield from ((what, name) for name in every[:_FEW])
    if len(every) > _FEW:
        yield what, f"… and {len(every) - _FEW:,} more, all of them with --json"
