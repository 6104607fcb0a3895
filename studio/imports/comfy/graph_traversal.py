"""Reads a graph backwards from one output, and lists what could not be imported."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from math import isfinite
from typing import Any, Final

from studio.errors import InputError
from studio.imports.comfy.graph import Graph, Link, Node
from studio.imports.comfy.node_values import SWITCHES, NodeValues, UnknownValue
from studio.imports.comfy.nodes import OUTPUTS
from studio.imports.imported_settings import SkippedSetting

_SILENT: Final = (*OUTPUTS, "Reroute")
"""Nodes that only pass on their input."""
_WAYS: Final = 5_000
_LONGEST: Final = 20_000


@dataclass(frozen=True)
class GraphReader:
    """Reads a graph from the node whose picture is imported.

    Raises InputError if the graph has a cycle or is too deep.
    """

    graph: Graph
    output: Node
    _skipped: dict[SkippedSetting, None] = field(default_factory=dict)
    _steps: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.graph.order(self.output)

    @cached_property
    def _values(self) -> NodeValues:
        return NodeValues(self.graph)

    @property
    def skipped(self) -> tuple[SkippedSetting, ...]:
        """The skipped settings, each once, in the order in which they were found."""
        return tuple(self._skipped)

    def skip(self, name: Any, value: Any, why: str) -> None:
        """List a setting that has no equivalent here."""
        shown = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        self._skipped[SkippedSetting(str(name), shown[:_LONGEST], why)] = None

    def source(self, node: Node, name: str, known: Collection[str], onward: tuple[str, ...]) -> Node | None:
        """The first ``known`` node behind an input; others are listed, and passed through by their ``onward`` inputs.

        None if nothing is linked, or the chain ends.
        """
        return self.output_of(node, name, known, onward)[0]

    def output_of(
        self, node: Node, name: str, known: Collection[str], onward: tuple[str, ...]
    ) -> tuple[Node | None, int]:
        """The same, and which of its outputs it is."""
        found, slot = self._behind(node, name)
        while found and found.type not in known:
            passed = self._values.passed(found)
            if passed is None and found.type not in _SILENT:
                self.skip_node(found)
            if passed or found.type in SWITCHES:
                found, slot = self._behind(found, passed) if passed else (None, 0)
            else:
                found, slot = self._onward(found, known, ("negative", *onward) if slot == 1 else onward)
        return found, slot

    def _onward(self, node: Node, known: Collection[str], onward: tuple[str, ...]) -> tuple[Node | None, int]:
        """What is behind an unsupported node: if several inputs may be what it outputs, they must agree."""
        first = next((name for name in onward if node.link(name)), "")
        rivals = [name for name in node.inputs if node.link(name) and _unnumbered(name) == _unnumbered(first)]
        if len(rivals) < 2:
            return self._behind(node, first)
        ends = {self.output_of(node, name, known, onward) for name in rivals}
        return ends.pop() if len(ends) == 1 else (None, 0)

    def _behind(self, node: Node, name: str) -> tuple[Node | None, int]:
        """The node behind an input, and its output. Raises InputError if there are too many paths to follow."""
        if next(self._steps) > _WAYS:
            raise InputError(f"there are too many paths through this ComfyUI graph at {node}; it cannot be read")
        link = node.link(name)
        return self.graph.at(link), link.slot if link else 0

    def skip_node(self, node: Node) -> None:
        """List an unsupported node."""
        self.skip(node, "", f"an unsupported node, which affects the picture of {self.output}")

    def value(self, node: Node, name: str) -> Any:
        """A setting's value, also if another node computes it; None if that is unknown, which is listed."""
        value = self._value(node, name)
        if not isinstance(value, UnknownValue):
            return value
        if value.node:
            self.skip(value.node, "", f"it computes '{name}' of {node}, and is not supported")
        return None

    def unknown(self, node: Node, *names: str) -> bool:
        """Whether an unsupported node computes one of these settings."""
        return any(isinstance(self._value(node, name), UnknownValue) for name in names)

    def _value(self, node: Node, name: str) -> Any:
        value = node.inputs.get(name)
        return self._values.of(value) if isinstance(value, Link) else value

    def number(self, node: Node, name: str, default: float | None = None) -> float | None:
        """A setting's number, ``default`` if it has none; None if it is unknown."""
        value = self.value(node, name)
        if value is None and self.unknown(node, name):
            return None
        try:
            number = float(value) if isinstance(value, int | float | str) else None
        except (ValueError, OverflowError):
            number = None
        return default if number is None or not isfinite(number) else number

    def whole(self, node: Node, name: str, default: int | None = None) -> int | None:
        """A setting's integer, exact however large."""
        value = self.value(node, name)
        number = value if isinstance(value, int) else self.number(node, name, default)
        return None if number is None else int(number)

    def text(self, node: Node, name: str) -> str:
        """A setting's text, "" if it has none."""
        value = self.value(node, name)
        return str(value) if isinstance(value, str | int | float) else ""


def _unnumbered(name: str) -> str:
    """ "image1" and "conditioning_2" as "image" and "conditioning"."""
    return name.rstrip("0123456789").rstrip("_")
