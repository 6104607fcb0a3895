"""A table from the original names of a model's modules to diffusers' names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

_Value = TypeVar("_Value")
_BRACES: Final = re.compile(r"(.*)\{(.*)\}(.*)")


class OriginalModule(NamedTuple):
    """An original module, of which a module of diffusers is the part ``position``, counted from 0."""

    name: str
    position: int


@dataclass(frozen=True)
class StateDictKeys:
    """Original names of modules, as their makers published them, and diffusers' names.

    ``original`` maps whole names or their beginnings to diffusers'; ``*`` stands for the first number. An original
    module that is several in diffusers has these in braces, in the order of their rows: "attn.qkv" is
    "attn.to_{q,k,v}". ``swap_scale_shift`` are modules, by diffusers' names, whose two halves, scale and shift, the
    original has in the other order; it applies to those of exactly two parts, with twice as many rows as columns.
    ``unused`` are original modules that diffusers has no use for.
    """

    original: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    swap_scale_shift: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def to_diffusers(self, name: str) -> tuple[str, ...]:
        """Diffusers' modules for an original one, in the order of their rows.

        An unlisted name stays as it is; an unused one gives nothing.
        """
        if name.startswith(self.unused) and _longest_prefix(name, dict.fromkeys(self.unused, True))[0]:
            return ()
        entry, number, rest = _longest_prefix(name, self.original)
        return tuple(_fill(ours, number, rest) for ours in _expand(entry)) if entry else (name,)

    def to_original(self, module: str) -> list[OriginalModule]:
        """The original modules of diffusers' module, under each name they have."""
        entry, number, rest = _longest_prefix(module, self._from_diffusers)
        return [OriginalModule(_fill(part.name, number, rest), part.position) for part in entry or ()]

    def swaps_halves(self, module: str, weight: tuple[int, ...]) -> bool:
        """Whether the original has the two halves of diffusers' module in the other order."""
        entry, _, rest = _longest_prefix(module, dict.fromkeys(self.swap_scale_shift, True))
        return bool(entry) and not rest and weight[0] == 2 * weight[-1]

    @cached_property
    def _from_diffusers(self) -> dict[str, list[OriginalModule]]:
        table: dict[str, list[OriginalModule]] = {}
        for name, ours in self.original.items():
            for position, module in enumerate(_expand(ours)):
                table.setdefault(module, []).append(OriginalModule(name, position))
        return table


def _expand(text: str) -> list[str]:
    """The names that "to_{q,k}" stands for."""
    found = _BRACES.fullmatch(text)
    return [f"{found[1]}{choice}{found[3]}" for choice in found[2].split(",")] if found else [text]


def _longest_prefix(name: str, table: Mapping[str, _Value]) -> tuple[_Value | None, str, str]:
    """The table's value for the longest beginning of a name, the number that "*" stands for, and the rest."""
    parts = name.split(".")
    first = next((place for place, part in enumerate(parts) if part.isdigit()), len(parts))
    starred = [*parts[:first], "*", *parts[first + 1 :]]
    for cut in range(len(parts), 0, -1):
        for begin in (parts[:cut], starred[:cut]):
            if (entry := table.get(".".join(begin))) is not None:
                return entry, "".join(parts[first : first + 1]), "".join(f".{part}" for part in parts[cut:])
    return None, "", ""


def _fill(pattern: str, number: str, rest: str) -> str:
    return pattern.replace("*", number) + rest
