"""Which family of models a LoRA was made for: by what is said of it, and by what its tensors show."""

from collections.abc import Iterable, Iterator
from functools import cache

from studio import plugins
from studio.families import Family
from studio.models.loras.claims import Claim
from studio.models.loras.file import Change


def family(said: Iterable[Claim], changes: Iterable[Change]) -> tuple[str, list[str]]:
    """The family's name, "" where neither tells; and what is doubtful about it. What tensors show counts."""
    named: dict[str, Claim] = {}
    for claim in said:
        if claim.what == "base" and (name := _called(claim.text)):
            named.setdefault(name, claim)
    shown = {name for change in changes for name in _shown(change)}
    if len(shown) == 1:
        doubts = [_doubt(claim, *shown) for name, claim in named.items() if name not in shown]
        return shown.pop(), doubts
    if len(named) > 1:
        return "", [f"what is said of its base differs: {', '.join(claim.text for claim in named.values())}"]
    return next(iter(named), ""), []


def title(name: str) -> str:
    """What people call a family."""
    return _families()[name].title


def _doubt(claim: Claim, shown: str) -> str:
    return f"{claim.source} says it is for {claim.text}; by its tensors it is for {title(shown)}"


def _called(text: str) -> str:
    """The family whose models are called so, by the longest beginning that fits: "Pony V7" is no "Pony"."""
    model = text.lower().removesuffix("/lora").rpartition("/")[2]
    letters = "".join(filter(str.isalnum, model))
    words = ((word, name) for name, family in _families().items() for word in family.known_as)
    return max(((len(word), name) for word, name in words if letters.startswith(word)), default=(0, ""))[1]


def _shown(change: Change) -> Iterator[str]:
    target, width = change.target.replace(".", "_"), _width(change)
    for name, family in _families().items():
        if any(piece in target and wanted in {0, width} for piece, wanted in family.adapted):
            yield name


def _width(change: Change) -> int:
    """How wide what comes into the module is; 0 where the tensors do not say it alone."""
    shape = next((change.shapes[role] for role in ("down", "w1_b", "diff") if role in change.shapes), ())
    return shape[1] if len(shape) > 1 else 0


@cache
def _families() -> dict[str, Family]:
    return {name: plugins.find("families", name).FAMILY for name in plugins.names("families")}
