"""What is known about a LoRA before it is loaded: from its file's header, and claims about it with their sources."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from studio.lora.formats.file import LoraFile
from studio.lora.library import base_model, fit_probe, metadata, sidecars
from studio.lora.library.claims import Claim, first
from studio.lora.library.fit_probe import FitProbe
from studio.lora.library.metadata import Tag
from studio.model_files.hashes import Stamp
from studio.models.card import ModelCard

Stamps = tuple[tuple[str, Stamp], ...]


@dataclass(frozen=True)
class LoraCard:
    """A LoRA by its name and file.

    ``family`` is the name of the family of models it was made for, "" where that is unknown. ``claims`` are all that
    its sidecars and its header make, sidecars first. ``tags`` are the most frequent ones of its training. ``notes`` say
    what is wrong with the claims. ``probe`` is a sample of the file's layers.
    """

    name: str
    path: Path
    family: str
    claims: tuple[Claim, ...] = ()
    tags: tuple[Tag, ...] = ()
    preview: Path | None = None
    notes: tuple[str, ...] = ()
    probe: FitProbe = ()

    @classmethod
    def read(cls, path: Path) -> "LoraCard":
        """The card of a file; read again only if it, or a file beside it, has changed.

        Raises ModelError where it is not a safetensors file, or does not hold a LoRA.
        """
        return _read(path, stamps(path, [file.name for file in path.parent.glob("*")]))

    @property
    def title(self) -> str:
        return first(self.claims, "title") or self.path.stem

    @property
    def base(self) -> str:
        """The model it was trained on, as claimed; "" without a claim."""
        return first(self.claims, "base")

    @property
    def weight(self) -> float:
        """The recommended weight; 1 without a claim."""
        return float(first(self.claims, "weight") or 1)

    @property
    def description(self) -> str:
        return first(self.claims, "description")

    @property
    def author(self) -> str:
        return first(self.claims, "author")

    @property
    def triggers(self) -> tuple[str, ...]:
        """Words to put into a prompt, each once."""
        words: dict[str, str] = {}
        for claim in self.claims:
            if claim.field == "trigger":
                words.setdefault(claim.text.lower(), claim.text)
        return tuple(words.values())

    @property
    def licence(self) -> tuple[Claim, ...]:
        """The claims about its licence; where they contradict each other, the strictest applies."""
        return tuple(claim for claim in self.claims if claim.field == "licence")

    def fits(self, model: ModelCard) -> str:
        """Why it cannot be used with a model, in one line; "" where there is no reason.

        This looks at its base and at a sample of its layers; ``LoraCheck`` looks at all of them.
        """
        if self.family and self.family != model.family.name:
            return f"made for {base_model.title(self.family)}; {model.name} is {model.family.title}"
        return fit_probe.mismatch(self.probe, model)


def stamps(path: Path, there: Collection[str]) -> Stamps:
    """Stamps that change when a LoRA or one of its sidecars changes; ``there`` are the names of files beside it."""
    with suppress(OSError):
        return tuple((file.name, Stamp.settled(file)) for file in (path, *sidecars.beside(path, there)))
    return ()


@lru_cache(maxsize=4096)
def _read(path: Path, _stamps: Stamps) -> LoraCard:
    file = LoraFile.read(path)
    beside, broken = sidecars.read_claims(path)
    claims = (*beside, *metadata.read_claims(file.metadata))
    family, doubts = base_model.family(claims, file)
    return LoraCard(
        path.stem,
        path,
        family,
        claims,
        metadata.tags(file.metadata),
        sidecars.preview(path),
        (*broken, *doubts),
        fit_probe.sample(file.layers),
    )
