"""Values that nodes compute for other nodes: numbers, text, and the input that a switch selects.

A few nodes are known and computed here; the output of any other node is an UnknownValue. After ComfyUI's
``comfy_extras/nodes_string.py``, ``nodes_primitive.py``, ``nodes_logic.py`` and ``nodes_resolution.py``, and the custom
nodes of Comfyroll Studio, rgthree and the Impact Pack.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import regex

from studio.errors import InputError
from studio.imports.comfy.graph import Graph, Link, Node
from studio.prompts import wildcards

Outputs = tuple[Any, ...]
Given = Mapping[str, Any]

_MOST_NODES: Final = 5_000
_LONGEST: Final = 20_000
"""Characters of a text; ComfyUI has no limit, but joined texts can double with each node."""
_MOST_REPLACED: Final = 4_000_000
_PATTERN_SECONDS: Final = 0.25
"""For all patterns of a graph together: a malicious one can take years."""
_CASES: Final[Mapping[str, Callable[[str], str]]] = {
    "UPPERCASE": str.upper,
    "lowercase": str.lower,
    "Capitalize": str.capitalize,
    "Title Case": str.title,
}
_TRIMS: Final[Mapping[str, Callable[[str], str]]] = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}
_RATIO: Final = re.compile(r"(\d{1,3}):(\d{1,3}) \(")
_SIDES: Final = re.compile(r"(\d{2,5})x(\d{2,5})$")


@dataclass(frozen=True)
class UnknownValue:
    """A value that is not in the file; ``node`` is the one that computes it, None if it does not exist."""

    node: Node | None = None


@dataclass(frozen=True)
class NodeValues:
    """The values of a graph's nodes, each computed once. The graph must not have cycles."""

    graph: Graph
    _known: dict[str, Outputs | UnknownValue] = field(default_factory=dict)
    _spent: list[float] = field(default_factory=list)

    def of(self, link: Link) -> Any:
        """The value of an output: a JSON value, or an UnknownValue. Raises InputError for over 5,000 nodes."""
        todo = [] if link.node in self._known else [link.node]
        while todo:
            node = self.graph.nodes.get(todo[-1])
            behind = node.links() if node and _computed(node) else ()
            before = [one.node for one in behind if one.node not in self._known]
            todo += before
            if not before:
                self._known[todo.pop()] = self._outputs(node)
            if len(self._known) > _MOST_NODES or len(todo) > _MOST_NODES:
                raise InputError("too many nodes of this ComfyUI graph compute values; it cannot be read")
        return self._output(link)

    def passed(self, node: Node) -> str | None:
        """The input that a switch selects, None if that is unknown or the node is not a switch."""
        if (switch := _switch(node)) is None:
            return None
        given = {name: self.of(value) if isinstance(value, Link) and name in _SELECTORS else value
                 for name, value in node.inputs.items()}  # fmt: skip
        return switch(given)

    def _output(self, link: Link) -> Any:
        found = self._known.get(link.node, UnknownValue())
        if isinstance(found, UnknownValue):
            return found
        return found[link.slot] if 0 <= link.slot < len(found) else UnknownValue(self.graph.nodes.get(link.node))

    def _outputs(self, node: Node | None) -> Outputs | UnknownValue:
        if node is None or not _computed(node):
            return UnknownValue(node)
        given = {name: self._output(one) if isinstance(one, Link) else one for name, one in node.inputs.items()}
        if _switch(node):
            name = self.passed(node)
            return (given[name],) if name in given else UnknownValue(node)
        if unknown := next((value for value in given.values() if isinstance(value, UnknownValue)), None):
            return unknown
        try:
            return self._made(node, given)
        except (ValueError, TypeError, LookupError, ArithmeticError, TimeoutError, regex.error):
            return UnknownValue(node)

    def _made(self, node: Node, given: Given) -> Outputs:
        if node.type == "RegexReplace":
            made: Outputs = (self._replaced(given),)
        else:
            made = _MAKERS[node.type](given)
        if any(isinstance(value, str) and len(value) > _LONGEST for value in made):
            raise ValueError("the text is too long")
        return made

    def _replaced(self, given: Given) -> str:
        flags = 0
        for name, flag, usual in (
            ("case_insensitive", regex.IGNORECASE, True),
            ("multiline", regex.MULTILINE, False),
            ("dotall", regex.DOTALL, False),
        ):
            flags |= flag if given.get(name, usual) else 0
        (string, replace), pattern = _replacing(given), _text(given, "regex_pattern")
        began, left = monotonic(), max(0.001, _PATTERN_SECONDS - sum(self._spent))
        try:
            replaced: str = regex.sub(
                pattern, replace, string, count=_whole(given, "count", 0), flags=flags, timeout=left
            )
            return replaced
        finally:
            self._spent.append(monotonic() - began)


def _computed(node: Node | None) -> bool:
    return node is not None and (node.type in _MAKERS or node.type == "RegexReplace" or _switch(node) is not None)


def _text(given: Given, name: str) -> str:
    value = given[name]
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise TypeError
    return value


def _replacing(given: Given) -> tuple[str, str]:
    """The text and its replacement, both short enough for the result to fit in memory."""
    string, replace = _text(given, "string"), _text(given, "replace")
    if len(string) * len(replace) > _MOST_REPLACED:
        raise ValueError("the text may become too long")
    return string, replace


def _whole(given: Given, name: str, usual: int | None = None) -> int:
    value = given.get(name, usual)
    if not isinstance(value, int):
        raise TypeError
    return value


def _same(name: str) -> Callable[[Given], Outputs]:
    """A node that outputs one of its inputs."""
    return lambda given: (given[name],)


def _seed(given: Given) -> Outputs:
    """Negative seeds are chosen in each run: -1 random, -2 and -3 the last one plus or minus one."""
    if (seed := _whole(given, "seed")) < 0:
        raise ValueError("the seed is chosen when the graph runs")
    return (seed,)


def _joined(given: Given) -> Outputs:
    parts = [_text(given, name) for name in ("string_a", "string_b") if name in given]
    return (_text({"delimiter": "", **given}, "delimiter").join(parts),)


def _replaced_text(given: Given) -> Outputs:
    string, replace = _replacing(given)
    return (string.replace(_text(given, "find"), replace),)


def _shown(given: Given) -> Outputs:
    if not isinstance(value := given["source"], str | int | float):
        raise TypeError
    return (str(value),)


def _populated(given: Given) -> Outputs:
    """The prompt that the Impact Pack filled in; unknown if wildcards are left, which it fills in when it runs."""
    if wildcards.first(text := _text(given, "populated_text")):
        raise ValueError("it has wildcards that are not filled in yet")
    return (text,)


def _encoded(given: Given) -> Outputs:
    return None, None, None, *_populated(given)


def _comfyroll_size(given: Given) -> Outputs:
    """Width and height, from a text such as "SDXL - 3:4 portrait 896x1152"."""
    chosen = _text(given, "aspect_ratio")
    if found := _SIDES.search(chosen):
        sides = int(found[1]), int(found[2])
    elif chosen == "custom":
        sides = _whole(given, "width"), _whole(given, "height")
    else:
        raise ValueError("unknown aspect ratio")
    width, height = reversed(sides) if given.get("swap_dimensions") == "On" else sides
    scale = float(given.get("prescale_factor", 1.0))
    return int(width * scale), int(height * scale)


def _resolution(given: Given) -> Outputs:
    """Width and height of an aspect ratio with about this many megapixels, in multiples of some pixels."""
    if not (found := _RATIO.match(_text(given, "aspect_ratio"))):
        raise ValueError("unknown aspect ratio")
    across, down = int(found[1]), int(found[2])
    multiple, least = _whole(given, "multiple", 8), _whole(given, "minimum", 0)
    scale = math.sqrt(float(given["megapixels"]) * 1024 * 1024 / (across * down))
    sides = tuple(round(side * scale / multiple) * multiple for side in (across, down))
    if min(sides) < least:
        raise ValueError("the smallest side would be enlarged in an unknown way")
    return sides


_MAKERS: Final[Mapping[str, Callable[[Given], Outputs]]] = {
    "PrimitiveInt": _same("value"),
    "PrimitiveFloat": _same("value"),
    "PrimitiveString": _same("value"),
    "PrimitiveStringMultiline": _same("value"),
    "PrimitiveBoolean": _same("value"),
    "PreviewAny": _shown,
    "CustomCombo": _same("choice"),
    "StringConcatenate": _joined,
    "StringReplace": _replaced_text,
    "StringSubstring": lambda given: (_text(given, "string")[_whole(given, "start") : _whole(given, "end")],),
    "StringTrim": lambda given: (_TRIMS[given["mode"]](_text(given, "string")),),
    "CaseConverter": lambda given: (_CASES[given["mode"]](_text(given, "string")),),
    "ResolutionSelector": _resolution,
    "CR SD1.5 Aspect Ratio": _comfyroll_size,
    "CR SDXL Aspect Ratio": _comfyroll_size,
    "CR Aspect Ratio": _comfyroll_size,
    "CR Seed": _same("seed"),
    "CR Text": _same("text"),
    "CR Prompt Text": _same("prompt"),
    "Seed (rgthree)": _seed,
    "ImpactWildcardProcessor": _populated,
    "ImpactWildcardEncode": _encoded,
}


def _switch(node: Node | None) -> Callable[[Given], str | None] | None:
    return _SWITCHES.get(node.type) if node else None


def _true_or_false(given: Given) -> str | None:
    """If only one input is linked, that one."""
    linked = [name for name in ("on_false", "on_true") if name in given]
    if len(linked) == 1:
        return linked[0]
    state = given.get("switch")
    return ("on_false", "on_true")[state] if isinstance(state, bool) and linked else None


def _numbered(given: Given) -> str | None:
    """The input whose name ends with the selected number: "model2", "input2"."""
    number = next((given[name] for name in ("Input", "select") if name in given), None)
    if not isinstance(number, int):
        return None
    return next((name for name in given if re.fullmatch(rf"[A-Za-z_]+{number}", name)), None)


def _first(given: Given) -> str | None:
    """The first of "any_01", "any_02" …; the server gets no links to muted nodes."""
    return min((name for name in given if re.fullmatch(r"any_\d{2}", name)), default=None)


_SELECTORS: Final = ("switch", "Input", "select")
_SWITCHES: Final[Mapping[str, Callable[[Given], str | None]]] = {
    "ComfySwitchNode": _true_or_false,
    "ComfySoftSwitchNode": _true_or_false,
    **{f"CR {kind} Input Switch": _numbered
       for kind in ("Model", "Clip", "VAE", "Conditioning", "Latent", "Image", "ControlNet", "Text")},
    "ImpactSwitch": _numbered,
    "Any Switch (rgthree)": _first,
}  # fmt: skip
SWITCHES: Final = tuple(_SWITCHES)
