"""A graph of nodes as ComfyUI's server runs it, read from its API format or from a canvas.

{"3": {"class_type": "KSampler", "inputs": {"seed": 7, "model": ["4", 0], …}, "_meta": {"title": "…"}}, …}
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from studio.errors import InputError

MOST: Final = 20_000
"""Nodes that are read; no person makes larger graphs."""
_DEEPEST: Final = 200


@dataclass(frozen=True)
class Link:
    """The output number ``slot``, from 0, of a node."""

    node: str
    slot: int = 0


@dataclass(frozen=True)
class Node:
    """A node: its type, and the value or Link of each input. As text it shows type, title and id."""

    id: str
    type: str
    inputs: Mapping[str, Any] = field(hash=False)
    title: str = ""

    def link(self, name: str) -> Link | None:
        """The link of an input, None if it is a value or missing."""
        found = self.inputs.get(name)
        return found if isinstance(found, Link) else None

    def links(self) -> Iterator[Link]:
        """The links of all inputs."""
        return (value for value in self.inputs.values() if isinstance(value, Link))

    def __str__(self) -> str:
        title = f" '{self.title}'" if self.title not in ("", self.type) else ""
        return f"{self.type}{title} ({self.id})"


@dataclass(frozen=True)
class Graph:
    """Nodes by their ids. ``drawn`` means that random choices, {red|blue}, are already made, as on the server."""

    nodes: Mapping[str, Node]
    drawn: bool = True

    def at(self, link: Link | None) -> Node | None:
        """The node that a link comes from, None if it does not exist."""
        return self.nodes.get(link.node) if link else None

    def order(self, last: Node) -> list[Node]:
        """All nodes that a node depends on, each after its own dependencies, and the node itself last.

        Raises InputError for a cycle, and for a chain of over 200 nodes.
        """
        done: dict[str, int] = {}  # the length of the longest chain up to it; 0 while it is being visited
        path = [(last, self._before(last))]
        while path:
            node, before = path[-1]
            done.setdefault(node.id, 0)
            nearer = next((one for one in before if not done.get(one.id)), None)
            if nearer and nearer.id in done:
                raise InputError(f"this ComfyUI graph has a cycle at {nearer}; fix it in ComfyUI")
            if nearer:
                path.append((nearer, self._before(nearer)))
            else:
                done[node.id] = 1 + max((done.get(one.id, 0) for one in self._before(node)), default=0)
                path.pop()
            if len(path) > _DEEPEST or done[node.id] > _DEEPEST:
                raise InputError(f"this ComfyUI graph is over {_DEEPEST} nodes deep at {node}; it cannot be read")
        return [self.nodes[name] for name in sorted(done, key=lambda name: done[name])]

    def _before(self, node: Node) -> Iterator[Node]:
        return (found for link in node.links() if (found := self.at(link)))


def is_api(data: Any) -> bool:
    """Whether JSON is a graph in the API format."""
    return isinstance(data, dict) and any(isinstance(node, dict) and "class_type" in node for node in data.values())


def read(data: Mapping[str, Any]) -> Graph:
    """The graph in the API format; what is not a node is skipped. Raises InputError for too many nodes."""
    if len(data) > MOST:
        raise InputError(f"this ComfyUI graph has over {MOST:,} nodes; it cannot be read")
    return Graph({name: _node(name, node) for name, node in data.items() if _is_node(node)})


def _is_node(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str)


def _node(name: str, node: Mapping[str, Any]) -> Node:
    given, meta = node.get("inputs"), node.get("_meta")
    inputs = {key: _input(value) for key, value in given.items()} if isinstance(given, dict) else {}
    title = meta.get("title") if isinstance(meta, dict) else ""
    return Node(name, kind(node["class_type"]), inputs, title[:100] if isinstance(title, str) else "")


def kind(name: Any) -> str:
    """The node's type, without the space at the end of "ConditioningAverage " there."""
    return str(name)[:100].strip()


def _input(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int) and isinstance(value[1], int):
        return Link(str(value[0]), value[1])
    return value
