"""What is known of a LoRA before it is used: what is in its file, and what is said of it, with where it was found."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from studio.lora.formats.file import LoraFile
from studio.lora.library import base_model, fit_probe, metadata, sidecars
from studio.lora.library.claims import Claim, first
from studio.lora.library.fit_probe import Kin
from studio.lora.library.metadata import Tag
from studio.model_files.hashes import Stamp
from studio.models.card import ModelCard

Stamps = tuple[tuple[str, Stamp], ...]


@dataclass(frozen=True)
class LoraCard:
    """A LoRA by its name and file.

    ``family`` names the family of the models it was made for, "" where nothing says it. ``claims`` is all that its
    header and its sidecars say, those that people look at first. ``tags`` are the most frequent ones of its training.
    ``notes`` say what is wrong with what is said. ``kin`` are changes that stand for all of the file.
    """

    name: str
    path: Path
    family: str
    claims: tuple[Claim, ...] = ()
    tags: tuple[Tag, ...] = ()
    preview: Path | None = None
    notes: tuple[str, ...] = ()
    kin: Kin = ()

    @classmethod
    def read(cls, path: Path) -> "LoraCard":
        """The card of a file; read again only where it, or what lies beside it, has changed.

        Raises ModelError where it is no safetensors file, or holds no LoRA.
        """
        return _read(path, stamps(path, [file.name for file in path.parent.glob("*")]))

    @property
    def title(self) -> str:
        return first(self.claims, "title") or self.path.stem

    @property
    def base(self) -> str:
        """The model it was trained on, as somebody calls it; "" where nobody says."""
        return first(self.claims, "base")

    @property
    def weight(self) -> float:
        """The recommended weight; 1 where nobody recommends one."""
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
            if claim.what == "trigger":
                words.setdefault(claim.text.lower(), claim.text)
        return tuple(words.values())

    @property
    def licence(self) -> tuple[Claim, ...]:
        """What is claimed of its licence; several may contradict one another, then the strictest counts."""
        return tuple(claim for claim in self.claims if claim.what == "licence")

    def fits(self, model: ModelCard) -> str:
        """Why it cannot be used with a model, in one line; "" where nothing speaks against it.

        Told from its base and a part of its changes; ``Check`` looks at all of them.
        """
        if self.family and self.family != model.family.name:
            return f"made for {base_model.title(self.family)}; {model.name} is {model.family.title}"
        return fit_probe.lacking(self.kin, model)


def stamps(path: Path, there: Collection[str]) -> Stamps:
    """What changes when a LoRA, or anything that is said of it, changes; ``there`` are the names of files beside it."""
    with suppress(OSError):
        return tuple((file.name, Stamp.settled(file)) for file in (path, *sidecars.beside(path, there)))
    return ()


@lru_cache(maxsize=4096)
def _read(path: Path, _stamps: Stamps) -> LoraCard:
    file = LoraFile.read(path)
    beside, broken = sidecars.said(path)
    said = (*beside, *metadata.said(file.metadata))
    family, doubt = base_model.family(said, file)
    return LoraCard(
        path.stem,
        path,
        family,
        said,
        metadata.tags(file.metadata),
        sidecars.preview(path),
        (*broken, *doubt),
        fit_probe.of(file.changes),
    )
