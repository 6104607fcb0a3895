"""What modules are called by those who made a model, and what by diffusers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

_Entry = TypeVar("_Entry")
_BRACES: Final = re.compile(r"(.*)\{(.*)\}(.*)")


class Part(NamedTuple):
    """That a module is the part ``place``, counted from 0, of the one its makers call ``name``."""

    name: str
    place: int


@dataclass(frozen=True)
class Names:
    """A table from the makers' names of modules to diffusers'.

    ``makers`` holds whole names or their beginnings; ``*`` stands for the first number. Where the makers have one
    module in place of several, those are in braces, in the order of their rows: "attn.qkv" is "attn.to_{q,k,v}".
    ``swapped`` are modules, by diffusers' names, whose halves, a shift and a scale, the makers have the other way
    round; those of them that have but two parts, which is twice as many rows as columns. ``unused`` are the makers'
    that diffusers has no use for.
    """

    makers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    swapped: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def in_diffusers(self, name: str) -> tuple[str, ...]:
        """The modules of diffusers' that are one of the makers', in the order of their rows; itself where unlisted.

        Nothing where diffusers has no use for it.
        """
        if name.startswith(self.unused) and _longest(name, dict.fromkeys(self.unused, True))[0]:
            return ()
        entry, number, rest = _longest(name, self.makers)
        return tuple(_filled(ours, number, rest) for ours in _each(entry)) if entry else (name,)

    def by_makers(self, module: str) -> list[Part]:
        """What the makers call a module of diffusers', under each name it has."""
        entry, number, rest = _longest(module, self._backwards)
        return [Part(_filled(part.name, number, rest), part.place) for part in entry or ()]

    def swaps(self, module: str, weight: tuple[int, ...]) -> bool:
        """Whether the makers have the two halves of diffusers' module the other way round."""
        entry, _, rest = _longest(module, dict.fromkeys(self.swapped, True))
        return bool(entry) and not rest and weight[0] == 2 * weight[-1]

    @cached_property
    def _backwards(self) -> dict[str, list[Part]]:
        table: dict[str, list[Part]] = {}
        for name, ours in self.makers.items():
            for place, module in enumerate(_each(ours)):
                table.setdefault(module, []).append(Part(name, place))
        return table


def _each(text: str) -> list[str]:
    """What "to_{q,k}" stands for."""
    found = _BRACES.fullmatch(text)
    return [f"{found[1]}{choice}{found[3]}" for choice in found[2].split(",")] if found else [text]


def _longest(name: str, table: Mapping[str, _Entry]) -> tuple[_Entry | None, str, str]:
    """The entry of the longest beginning that the table has, the number its star stands for, and the rest."""
    parts = name.split(".")
    first = next((place for place, part in enumerate(parts) if part.isdigit()), len(parts))
    starred = [*parts[:first], "*", *parts[first + 1 :]]
    for cut in range(len(parts), 0, -1):
        for begin in (parts[:cut], starred[:cut]):
            if (entry := table.get(".".join(begin))) is not None:
                return entry, "".join(parts[first : first + 1]), "".join(f".{part}" for part in parts[cut:])
    return None, "", ""


def _filled(pattern: str, number: str, rest: str) -> str:
    return pattern.replace("*", number) + rest
