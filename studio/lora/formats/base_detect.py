"""Which families' models a LoRA can be for, by the names and widths of its modules; metadata is not trusted."""

import re
from collections.abc import Iterator
from math import prod

from studio.families import Family, Shapes
from studio.families.base import registry
from studio.lora.formats.file import LoraFile, LoraLayer


def families(file: LoraFile) -> tuple[Family, ...]:
    """The families that the file's modules match: one, several that look alike, or none.

    A family's ``traces`` are names of modules with the widths that they have in the family. Some of them must be in
    the file, and each one that is must have such a width.
    """
    known = registry.installed().values()
    modules = [(layer.target.replace(".", "_"), _input_width(layer)) for layer in file.layers]
    return tuple(family for family in known if _matches(family, modules))


def _matches(family: Family, modules: list[tuple[str, int]]) -> bool:
    found = list(_traces(family, modules))
    return bool(found) and all(found)


def _traces(family: Family, modules: list[tuple[str, int]]) -> Iterator[bool]:
    """For each module that is a trace of the family, whether its width is right."""
    for suffix, widths in family.detection.lora_keys.items():
        trace = re.compile(suffix + "$")
        yield from (not widths or width in {0, *widths} for name, width in modules if trace.search(name))


def _input_width(layer: LoraLayer) -> int:
    """How many inputs the module has; 0 where the algorithm's tensors do not show it."""
    shapes = layer.shapes
    if layer.algorithm == "lora":
        return prod(shapes["down"][1:])
    if layer.algorithm == "full":
        return prod(shapes.get("diff", ())[1:]) if len(shapes.get("diff", ())) > 1 else 0
    if layer.algorithm == "loha":
        return shapes["w1_b"][-1]
    if layer.algorithm == "lokr":
        return _columns(shapes, "w1") * _columns(shapes, "w2")
    return 0


def _columns(shapes: Shapes, kind: str) -> int:
    return prod(shapes.get(kind, shapes.get(f"{kind}_b", (1,)))[1:])
