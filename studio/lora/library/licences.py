"""Civitai's permissions for a model, in words.

``allowCommercialUse`` has three forms: a list, a list as Postgres writes it ("{Image,Rent}"), and an old scale in which
Sell includes Rent, and Rent includes Image.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_USES: Final = {
    "image": "selling pictures made with it",
    "rentcivit": "running it on Civitai",
    "rent": "running it as a paid service",
    "sell": "selling it or a merge of it",
}
_SCALE: Final = ("image", "rent", "sell")
_OTHERS: Final = (
    ("allowNoCredit", "no credit needed", "credit needed"),
    ("allowDerivatives", "merges and changes allowed", "no merges or changes"),
    ("allowDifferentLicense", "merges under any terms", "merges under the same terms only"),
)


def civitai_terms(model: Mapping[str, Any]) -> str:
    """What the flags of Civitai's "model" allow and forbid; "" without flags, which does not mean permission."""
    return "; ".join([*_commercial(model.get("allowCommercialUse")), *_flags(model)])


def _flags(model: Mapping[str, Any]) -> Iterator[str]:
    for key, allowed, forbidden in _OTHERS:
        if isinstance(flag := model.get(key), bool):
            yield allowed if flag else forbidden


def _commercial(given: Any) -> Iterator[str]:
    if not isinstance(given, str | list):
        return
    allowed = _allowed(given)
    yes = [words for use, words in _USES.items() if use in allowed]
    no = [words for use, words in _USES.items() if use not in allowed]
    if yes:
        yield f"allows {', '.join(yes)}"
    if no:
        yield f"forbids {', '.join(no)}"


def _allowed(given: str | list[Any]) -> set[str]:
    if isinstance(given, list):
        return {str(use).lower() for use in given}
    uses = [use.strip().strip('"').lower() for use in given.strip().strip("{}").split(",")]
    on_scale = not given.strip().startswith("{") and len(uses) == 1 and uses[0] in _SCALE
    return set(_SCALE[: _SCALE.index(uses[0]) + 1]) if on_scale else set(uses)
