"""Which family of models a LoRA was made for: by what is said of it, and by what its tensors show."""

from collections.abc import Iterable
from functools import cache

from studio.families import Family
from studio.families.base import registry
from studio.lora.formats import base_detect
from studio.lora.formats.file import LoraFile
from studio.lora.library.claims import Claim


def family(said: Iterable[Claim], file: LoraFile) -> tuple[str, list[str]]:
    """The family's name, "" where it cannot be told; and what is doubtful about it. What tensors show counts."""
    named: dict[str, Claim] = {}
    for claim in said:
        if claim.what == "base" and (name := _called(claim.text)):
            named.setdefault(name, claim)
    shown = {family.name for family in base_detect.families(file)}
    doubts = [_doubt(claim, shown) for name, claim in named.items() if shown and name not in shown]
    likely = [name for name in named if name in shown] if shown else list(named)
    if len(likely) > 1:
        doubts.append(f"what is said of its base differs: {', '.join(named[name].text for name in likely)}")
    choice = likely or list(shown)
    return choice[0] if len(choice) == 1 else "", doubts


def title(name: str) -> str:
    """What people call a family."""
    return families()[name].title


@cache
def families() -> dict[str, Family]:
    """Those known here by name."""
    return registry.installed()


def _doubt(claim: Claim, shown: set[str]) -> str:
    titles = " or ".join(title(name) for name in sorted(shown))
    return f"{claim.source} says it is for {claim.text}; by its tensors it is for {titles}"


def _called(text: str) -> str:
    """The family whose models are called so, by the longest beginning that fits: "Pony V7" is no "Pony"."""
    model = text.lower().removesuffix("/lora").rpartition("/")[2]
    letters = "".join(filter(str.isalnum, model))
    words = ((word, name) for name, family in families().items() for word in family.detection.aliases)
    return max(((len(word), name) for word, name in words if letters.startswith(word)), default=(0, ""))[1]
