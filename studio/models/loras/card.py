"""What is known of a LoRA before it is used: what is in its file, and what is said of it, with where it was found."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from studio import plugins
from studio.errors import ModelError
from studio.families import Family
from studio.models.card import ModelCard
from studio.models.hashes import Stamp
from studio.models.header import Header
from studio.models.loras import metadata, sidecars
from studio.models.loras.claims import Claim, first
from studio.models.loras.metadata import Tag

_MARKS: Final = (  # pieces of tensors' names that only adapters have; only until their reader is here
    "lora_",
    ".lora.",
    "hada_w",
    "lokr_w",
    ".oft_",
    ".on_input",
    ".diff",
    ".dora_scale",
)


@dataclass(frozen=True)
class LoraCard:
    """A LoRA by its name and file.

    ``family`` names the family of the models it was made for, "" where nothing says it. ``claims`` is all that its
    header and its sidecars say, those that people look at first. ``tags`` are the most frequent ones of its training.
    ``notes`` say what about its sidecars is wrong.
    """

    name: str
    path: Path
    family: str
    claims: tuple[Claim, ...] = ()
    tags: tuple[Tag, ...] = ()
    preview: Path | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "LoraCard":
        """The card of a file; read again only where it, or what lies beside it, has changed.

        Raises ModelError where it is no safetensors file, or holds no LoRA.
        """
        return _read(path, stamps(path))

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
        words = {claim.text.lower(): claim.text for claim in reversed(self.claims) if claim.what == "trigger"}
        return tuple(reversed(words.values()))

    @property
    def licence(self) -> tuple[Claim, ...]:
        """What is claimed of its licence; several may contradict one another, then the strictest counts."""
        return tuple(claim for claim in self.claims if claim.what == "licence")

    def fits(self, model: ModelCard) -> str:
        """Why it cannot be used with a model, in one line; "" where nothing speaks against it."""
        if not self.family or self.family == model.family.name:
            return ""
        made_for: Family = plugins.find("families", self.family).FAMILY
        return f"made for {made_for.title}; {model.name} is {model.family.title}"


def stamps(path: Path) -> tuple[tuple[str, Stamp], ...]:
    """What changes when a LoRA, or anything that is said of it beside it, changes; nothing where the file has gone."""
    with suppress(OSError):
        return tuple((file.name, Stamp.of(file)) for file in (path, *sidecars.beside(path)))
    return ()


@lru_cache(maxsize=4096)
def _read(path: Path, _stamps: tuple[tuple[str, Stamp], ...]) -> LoraCard:
    header = Header.read(path)
    if not any(mark in name for name in header.tensors for mark in _MARKS):
        raise ModelError(f"'{path}' holds no LoRA")
    beside, broken = sidecars.said(path)
    said = (*beside, *metadata.said(header.metadata))
    return LoraCard(
        path.stem,
        path,
        _family(said),
        said,
        metadata.tags(header.metadata),
        sidecars.preview(path),
        tuple(broken),
    )


def _family(said: tuple[Claim, ...]) -> str:
    """The family that the bases which are named belong to; "" where none is known here, or they contradict."""
    found = {_family_of(claim.text) for claim in said if claim.what == "base"} - {""}
    return found.pop() if len(found) == 1 else ""


def _family_of(base: str) -> str:
    """The family whose models are called so, by the longest beginning that fits: "Pony V7" is no "Pony"."""
    model = base.lower().removesuffix("/lora").rpartition("/")[2]
    letters = "".join(filter(str.isalnum, model))
    fits = [(len(word), name) for word, name in _known_as() if letters.startswith(word)]
    return max(fits)[1] if fits else ""


@cache
def _known_as() -> list[tuple[str, str]]:
    families = ((name, plugins.find("families", name).FAMILY) for name in plugins.names("families"))
    return [(word, name) for name, family in families for word in family.known_as]
