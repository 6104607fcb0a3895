"""Reads what ComfyUI's canvas saves as the graph that its server would run.

Links are arrays (version 0.4) or objects (1.0). A node has its linked inputs and, by position, its settings. Only the
canvas has: nodes that pass a link on (reroutes, and bypassed nodes), muted nodes, primitive nodes whose value is a
setting of another, pairs of nodes that set and get a value by name, subgraphs, which stand for the nodes in them, and
comments in prompts.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from studio.errors import InputError
from studio.imports.comfy.graph import MOST, Graph, Link, Node, kind
from studio.imports.comfy.nodes import CANVAS, WORDS, settings

_MUTED, _BYPASSED = 2, 4
_INTO, _OUT_OF = "-10", "-20"  # the inputs and outputs of a subgraph
_DEEPEST: Final = 20
_COMMENT: Final = re.compile("/\\*|//[^\n\r\u2028\u2029]*")
_AFTER_A_SEED: Final = ("fixed", "increment", "decrement", "randomize", True, False)


def is_canvas(data: Any) -> bool:
    """Whether JSON is a saved canvas."""
    return isinstance(data, dict) and isinstance(data.get("nodes"), list) and isinstance(data.get("links"), list)


def read(data: Mapping[str, Any]) -> Graph:
    """The graph of a canvas. Raises InputError if it is too large, or links or subgraphs form a cycle."""
    definitions = _dict(data.get("definitions")).get("subgraphs")
    subgraphs = {str(one.get("id")): one for one in _dicts(definitions)}
    nodes: dict[str, Node] = {}
    todo = [_CanvasLevel(data, subgraphs)]
    while todo:
        level = todo.pop()
        for node in level.nodes.values():
            if _mode(node) in (_MUTED, _BYPASSED) or node.get("type") in CANVAS:
                continue
            if inner := level.inside(node):
                todo.append(inner)
            else:
                made = level.node(node)
                nodes[made.id] = made
            if len(nodes) + len(todo) > MOST:
                raise InputError(f"this ComfyUI graph has over {MOST:,} nodes; it cannot be read")
    return Graph(nodes, drawn=False)


@dataclass(frozen=True)
class _CanvasLevel:
    """One level of the canvas: the top level, or the inside of a subgraph node, ``host``, in the level ``around``."""

    data: Mapping[str, Any]
    subgraphs: Mapping[str, Mapping[str, Any]]
    path: str = ""
    around: "_CanvasLevel | None" = None
    host: Mapping[str, Any] | None = None

    @cached_property
    def nodes(self) -> dict[str, Mapping[str, Any]]:
        return {str(node.get("id")): node for node in _dicts(self.data.get("nodes"))}

    @cached_property
    def _links(self) -> dict[str, tuple[str, int]]:
        """Each link's origin: a node and its output."""
        found = self.data.get("links")
        return dict(_origin(link) for link in found if _is_link(link)) if isinstance(found, list) else {}

    @cached_property
    def _set(self) -> dict[str, Mapping[str, Any]]:
        """The nodes that set a value for others to get, by its name."""
        return {_name(node): node for node in self.nodes.values() if node.get("type") == "SetNode"}

    def inside(self, node: Mapping[str, Any]) -> "_CanvasLevel | None":
        """The inside of a subgraph node, None for other nodes."""
        data = self.subgraphs.get(str(node.get("type")))
        if data is None:
            return None
        if self.path.count(":") >= _DEEPEST:
            raise InputError(f"subgraphs of this ComfyUI graph are nested over {_DEEPEST} deep; it cannot be read")
        return _CanvasLevel(data, self.subgraphs, f"{self.path}{node.get('id')}:", self, node)

    def node(self, node: Mapping[str, Any]) -> Node:
        """The node with its settings by name, and the origins of its links."""
        named, title = kind(node.get("type")), node.get("title")
        inputs = _settings(named, node)
        for one in _dicts(node.get("inputs")):
            linked = None if one.get("link") is None else self._origin(one["link"])
            inputs |= {} if linked is None else {str(one.get("name")): linked}
        if named in WORDS:
            inputs = {name: _uncommented(value) if isinstance(value, str) else value for name, value in inputs.items()}
        return Node(f"{self.path}{node.get('id')}", named, inputs, title[:100] if isinstance(title, str) else "")

    def _origin(self, link: Any) -> Any:
        """The Link or value at the other end of a link, through all nodes that only pass it on; None if loose."""
        place: tuple[_CanvasLevel, Any] | Link | Any = (self, link)
        for _ in range(MOST):
            if not isinstance(place, tuple):
                return place
            level, link = place
            place = level._step(link)
        raise InputError("links of this ComfyUI graph form a cycle; fix it in ComfyUI")

    def _step(self, link: Any) -> Any:
        """One step back: the next level and link, or a Link, a value, or None at the end."""
        name, slot = self._links.get(str(link), ("", 0))
        node = self.nodes.get(name)
        if name == _INTO and self.around and self.host:
            return self.around._given(self.host, self.data, slot)
        if node is None or _mode(node) == _MUTED:
            return None
        if _mode(node) == _BYPASSED:
            return self._past(node, slot)
        if node.get("type") in CANVAS:
            return self._value(node)
        if inner := self.inside(node):
            ends = _dicts(inner.data.get("outputs"))
            return (inner, _first(ends[slot].get("linkIds"))) if slot < len(ends) else None
        return Link(f"{self.path}{name}", slot)

    def _value(self, node: Mapping[str, Any]) -> Any:
        if node.get("type") == "PrimitiveNode":
            return _first(node.get("widgets_values"))
        if node.get("type") == "GetNode":
            node = self._set.get(_name(node), {})
        return self._link(next(_each(node.get("inputs")), {}))

    def _past(self, node: Mapping[str, Any], slot: int) -> Any:
        """What replaces a bypassed node's output: its first input of that type, preferably at the same position."""
        outputs, inputs = _dicts(node.get("outputs")), _dicts(node.get("inputs"))
        kind = outputs[slot].get("type") if slot < len(outputs) else None
        candidates = inputs[slot : slot + 1] + inputs
        return self._link(next((one for one in candidates if one.get("type") == kind), {}))

    def _link(self, given: Mapping[str, Any]) -> Any:
        return None if given.get("link") is None else (self, given["link"])

    def _given(self, host: Mapping[str, Any], subgraph: Mapping[str, Any], slot: int) -> Any:
        """The link or value that a subgraph node has for one of its inputs."""
        ends = _dicts(subgraph.get("inputs"))
        name = ends[slot].get("name") if slot < len(ends) else None
        linked = self._link(next((one for one in _dicts(host.get("inputs")) if one.get("name") == name), {}))
        return linked or _host_values(host).get(name)


def _host_values(host: Mapping[str, Any]) -> dict[Any, Any]:
    """The values on a subgraph node, by the names of its inputs.

    If there is a list "proxyWidgets", they are in its order: ["-1", NAME] for an input of the subgraph node, else the
    id of a node within and one of its settings, which stores its value itself. Without that list they are in the order
    of the inputs that have a "widget".
    """
    values, shown = host.get("widgets_values"), _dict(host.get("properties")).get("proxyWidgets")
    if isinstance(values, dict):
        return dict(values)
    names = [one.get("name") for one in _dicts(host.get("inputs")) if one.get("widget")]
    if isinstance(shown, list):
        names = [one[1] if isinstance(one, list) and len(one) == 2 and str(one[0]) == "-1" else None for one in shown]
    pairs = zip(names, values, strict=False) if isinstance(values, list) else ()
    return {name: value for name, value in pairs if isinstance(name, str) and value is not None}


def _settings(kind: str, node: Mapping[str, Any]) -> dict[str, Any]:
    """A node's settings by name; for an unknown type, those that it lists itself."""
    values = node.get("widgets_values")
    if isinstance(values, dict):
        return {str(name): value for name, value in values.items() if not isinstance(value, dict | list)}
    known = settings(kind)
    names = (
        [str(one.get("name")) for one in _dicts(node.get("inputs")) if one.get("widget")] if known is None else known
    )
    return dict(_named(names, values)) if isinstance(values, list) else {}


def _uncommented(text: str) -> str:
    """A prompt without comments, as the canvas sends it to the server (``stripComments`` in its formatUtil.ts)."""
    kept, at, look, closed = list[str](), 0, 0, text.rfind("*/")
    while found := _COMMENT.search(text, look):
        block = found[0] == "/*"
        if block and found.end() > closed:  # not a comment, as it is not closed
            look = found.end()
            continue
        kept.append(text[at : found.start()])
        at = look = text.index("*/", found.end()) + 2 if block else found.end()
    return "".join([*kept, text[at:]])


def _named(names: list[str], values: list[Any]) -> Iterator[tuple[str, Any]]:
    at = 0
    for name in names:
        if at < len(values):
            yield name.rstrip("!"), values[at]
        at += 1
        seed = name.endswith(("!", "seed"))
        at += seed and at < len(values) and isinstance(values[at], str | bool) and values[at] in _AFTER_A_SEED


def _is_link(link: Any) -> bool:
    return isinstance(link, dict) or (isinstance(link, list) and len(link) >= 5)


def _origin(link: Any) -> tuple[str, tuple[str, int]]:
    name, node, slot = (
        (link.get("id"), link.get("origin_id"), link.get("origin_slot")) if isinstance(link, dict) else link[:3]
    )
    return str(name), (str(node), slot if isinstance(slot, int) and 0 <= slot < MOST else 0)


def _name(node: Mapping[str, Any]) -> str:
    """The name under which a node sets or gets a value."""
    return str(_first(node.get("widgets_values")))


def _mode(node: Mapping[str, Any]) -> Any:
    return node.get("mode")


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(values: Any) -> list[Mapping[str, Any]]:
    return list(_each(values))


def _each(values: Any) -> Iterator[Mapping[str, Any]]:
    return (value for value in values if isinstance(value, dict)) if isinstance(values, list) else iter(())
