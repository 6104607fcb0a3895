"""Builds a graph in ComfyUI's API format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NodeOutput = list[Any]
"""An output of a node, as in a link: the node's id and the output's number."""


@dataclass(frozen=True)
class PromptGraphBuilder:
    """Nodes by their ids, from "1" on; ``notes`` tell what the graph cannot."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def add(self, kind: str, inputs: Mapping[str, Any]) -> NodeOutput:
        """Add a node, or find an equal one, and return its first output."""
        made = {"class_type": kind, "inputs": dict(inputs)}
        for name, node in self.nodes.items():
            if node == made:
                return [name, 0]
        self.nodes[name := str(len(self.nodes) + 1)] = made
        return [name, 0]

    def note(self, text: str) -> None:
        """Add a note, once."""
        self.notes[text] = None


def output(pin: NodeOutput, number: int) -> NodeOutput:
    """Another output of the same node."""
    return [pin[0], number]
