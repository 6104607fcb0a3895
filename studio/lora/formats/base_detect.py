"""Which families' models a LoRA can be for, told by its modules' names and widths; no metadata is believed."""

import re
from collections.abc import Iterator
from math import prod

from studio.families import Family, Shapes
from studio.families.base import registry
from studio.lora.formats.file import Change, LoraFile


def families(file: LoraFile) -> tuple[Family, ...]:
    """The families that the file's modules look like: one, several that cannot be told apart so, or none.

    A family's ``traces`` are asked: some must be there, and each that is must have a width the family has.
    """
    known = registry.installed().values()
    modules = [(change.target.replace(".", "_"), _width(change)) for change in file.changes]
    return tuple(family for family in known if _left(family, modules))


def _left(family: Family, modules: list[tuple[str, int]]) -> bool:
    found = list(_traces(family, modules))
    return bool(found) and all(found)


def _traces(family: Family, modules: list[tuple[str, int]]) -> Iterator[bool]:
    """Whether the width is right, of each module that is a trace."""
    for ending, widths in family.detection.lora_keys.items():
        trace = re.compile(ending + "$")
        yield from (not widths or width in {0, *widths} for name, width in modules if trace.search(name))


def _width(change: Change) -> int:
    """How many numbers the module takes in; 0 where the form does not tell."""
    shapes = change.shapes
    if change.form == "lora":
        return prod(shapes["down"][1:])
    if change.form == "full":
        return prod(shapes.get("diff", ())[1:]) if len(shapes.get("diff", ())) > 1 else 0
    if change.form == "loha":
        return shapes["w1_b"][-1]
    if change.form == "lokr":
        return _columns(shapes, "w1") * _columns(shapes, "w2")
    return 0


def _columns(shapes: Shapes, role: str) -> int:
    return prod(shapes.get(role, shapes.get(f"{role}_b", (1,)))[1:])
