"""The way back through a graph from what it saves: what inputs say, and a list of what found no place here."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import count
from math import isfinite
from typing import Any, Final

from studio.errors import InputError
from studio.record.comfy.graph import Graph, Node
from studio.record.comfy.nodes import OUTPUTS
from studio.record.foreign import Left

_VALUE: Final = ("value", "seed", "noise_seed", "int", "float", "number", "text", "string", "prompt")
_SILENT: Final = (*OUTPUTS, "ComfySwitchNode", "Reroute")
"""Nodes that only pass on what comes into them."""
_WAYS: Final = 5_000
_LONGEST: Final = 20_000


@dataclass(frozen=True)
class Trail:
    """A graph, and the node of it whose picture is asked for.

    Raises InputError where that cannot be followed back: in a circle, or too deep.
    """

    graph: Graph
    output: Node
    _left: dict[Left, None] = field(default_factory=dict)
    _steps: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.graph.order(self.output)

    @property
    def left(self) -> tuple[Left, ...]:
        """What was left, each once, in the order in which it was met."""
        return tuple(self._left)

    def leave(self, name: Any, value: Any, why: str) -> None:
        """Put a setting on the list of what has no place here."""
        shown = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        self._left[Left(str(name), shown[:_LONGEST], why)] = None

    def source(self, node: Node, name: str, known: Collection[str], onward: tuple[str, ...]) -> Node | None:
        """The first node behind an input that is ``known``; others are listed, and followed by their ``onward`` inputs.

        None where nothing is linked, or the way ends.
        """
        return self.output_of(node, name, known, onward)[0]

    def output_of(
        self, node: Node, name: str, known: Collection[str], onward: tuple[str, ...]
    ) -> tuple[Node | None, int]:
        """The same, and which of its outputs it is."""
        found, slot = self._behind(node, name)
        while found and found.type not in known:
            ways = ("negative", *onward) if slot == 1 else onward
            through = self._switched(found) or next((one for one in ways if found.link(one)), None)
            if found.type not in _SILENT:
                self.strange(found)
            found, slot = self._behind(found, through) if through else (None, 0)
        return found, slot

    def _behind(self, node: Node, name: str) -> tuple[Node | None, int]:
        """The node behind an input, and its output. Raises InputError where the ways are too many to follow."""
        if next(self._steps) > _WAYS:
            raise InputError(f"the ways through this ComfyUI graph are too many at {node}; it cannot be read")
        link = node.link(name)
        return self.graph.at(link), link.slot if link else 0

    def strange(self, node: Node) -> None:
        """List a node that is not read."""
        self.leave(node, "", f"a node that is not read here; what {self.output} saves depends on it")

    def value(self, node: Node, name: str) -> Any:
        """What a setting says, also where a node of its own gives the value; None where that cannot be told."""
        while node.link(name):
            if (found := self._behind(node, name)[0]) is None:
                return None
            if found.type == "StringConcatenate":
                return self._joined(found)
            node, given = found, (self._switched(found), name, *_VALUE)
            name = next((one for one in given if one and one in found.inputs), "")
            if not name:
                self.leave(found, "", f"gives a value that is not read here, and {self.output} depends on it")
        return node.inputs.get(name)

    def number(self, node: Node, name: str, default: float | None = None) -> float | None:
        """A setting's number, ``default`` where it says none."""
        value = self.value(node, name)
        try:
            number = float(value) if isinstance(value, int | float | str) else None
        except (ValueError, OverflowError):
            number = None
        return default if number is None or not isfinite(number) else number

    def whole(self, node: Node, name: str, default: int | None = None) -> int | None:
        """A setting's whole number, exact however large."""
        value = self.value(node, name)
        number = value if isinstance(value, int) else self.number(node, name)
        return default if number is None else int(number)

    def text(self, node: Node, name: str) -> str:
        """A setting's words, empty where it says none."""
        value = self.value(node, name)
        return str(value) if isinstance(value, str | int | float) else ""

    def _switched(self, node: Node) -> str | None:
        """Which input a switch lets through."""
        if node.type != "ComfySwitchNode":
            return None
        return "on_true" if node.inputs.get("switch") is True else "on_false"

    def _joined(self, node: Node) -> str:
        """The words of two that are joined; a joined one within is read as far as it goes."""
        parts = [node.inputs.get(name) for name in ("string_a", "string_b")]
        names = [name for name, part in zip(("string_a", "string_b"), parts, strict=True) if part is not None]
        return self.text(node, "delimiter").join(self.text(node, name) for name in names)[:_LONGEST]
