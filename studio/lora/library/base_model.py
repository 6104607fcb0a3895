"""Which family of models a LoRA was made for: by what its metadata and sidecars claim, and by what its tensors show."""

from collections.abc import Iterable
from functools import cache

from studio.families import Family
from studio.families.base import registry
from studio.lora.formats import base_detect
from studio.lora.formats.file import LoraFile
from studio.lora.library.claims import Claim


def family(claims: Iterable[Claim], file: LoraFile) -> tuple[str, list[str]]:
    """The family's name, "" where it is unknown, and notes on contradictions. The tensors have the last word."""
    named: dict[str, Claim] = {}
    for claim in claims:
        if claim.field == "base" and (name := _called(claim.text)):
            named.setdefault(name, claim)
    shown = {family.name for family in base_detect.families(file)}
    doubts = [_doubt(claim, shown) for name, claim in named.items() if shown and name not in shown]
    likely = [name for name in named if name in shown] if shown else list(named)
    if len(likely) > 1:
        doubts.append(f"the claims about its base model differ: {', '.join(named[name].text for name in likely)}")
    choice = likely or list(shown)
    return choice[0] if len(choice) == 1 else "", doubts


def title(name: str) -> str:
    """A family's title, by its name."""
    return families()[name].title


@cache
def families() -> dict[str, Family]:
    """All families by name."""
    return registry.installed()


def _doubt(claim: Claim, shown: set[str]) -> str:
    titles = " or ".join(title(name) for name in sorted(shown))
    return f"{claim.source} says it is for {claim.text}; its tensors are those of a LoRA for {titles}"


def _called(text: str) -> str:
    """The family whose models have a name like this, by the longest prefix: "Pony V7" is not a "Pony"."""
    model = text.lower().removesuffix("/lora").rpartition("/")[2]
    letters = "".join(filter(str.isalnum, model))
    words = ((word, name) for name, family in families().items() for word in family.detection.aliases)
    return max(((len(word), name) for word, name in words if letters.startswith(word)), default=(0, ""))[1]
