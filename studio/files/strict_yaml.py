"""Reads YAML without its traps: no aliases, no tags, no duplicate keys, no "no" for False, and within limits.

The standard loader keeps the last of two equal keys, expands 600 bytes of aliases to millions of nodes, builds objects
that tags ask for, and reads ``no`` as False and ``012`` as ten. A workflow or a model card may come from a stranger, so
these are refused, or read as they are written (YAML 1.2 core schema).
"""

import re
from functools import cache
from typing import Any, Final

from studio.files.strict_json import whole

MOST_BYTES: Final = 256 * 2**10
MOST_NODES: Final = 5_000
"""Values, lists and mappings; parsing takes 30 µs for each."""
DEEPEST: Final = 30


def loads(text: bytes | str, most: int = MOST_BYTES, nodes: int = MOST_NODES, *, as_text: bool = False) -> Any:
    """Parse YAML of at most ``most`` bytes and ``nodes`` values; with ``as_text`` every value stays text as written.

    Raises ValueError with one line, which begins with the place ("line 3: …") if it is known.
    """
    import yaml

    if len(text) > most:
        raise ValueError(f"it is longer than {most:,} bytes")
    try:
        return yaml.load(text, _loader(nodes, as_text))  # noqa: S506 a SafeLoader, made stricter
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{line}{error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"it is not readable YAML: {str(error).partition(chr(10))[0]}") from None


@cache
def _loader(most_nodes: int, as_text: bool) -> Any:
    """A SafeLoader class with limits, and with the YAML 1.2 core schema unless ``as_text``."""
    import yaml

    class StrictLoader(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 yaml's own protocol
        depth = nodes = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            self.depth, self.nodes = self.depth + 1, self.nodes + 1
            if problem := _problem(event, self.depth, self.nodes, most_nodes):
                raise _refusal(problem, event.start_mark)
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: ARG002 always deep
            _check_keys(node)
            return super().construct_mapping(node, deep=True)

    for tag, pattern, first in () if as_text else _CORE_SCHEMA:
        StrictLoader.add_implicit_resolver(tag, re.compile(pattern), list(first))
    StrictLoader.add_constructor("tag:yaml.org,2002:int", lambda _, node: whole(node.value))
    return StrictLoader


def _check_keys(mapping: Any) -> None:
    """Raise an error for a key that is not plain text or occurs twice."""
    import yaml

    seen: set[str] = set()
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refusal("a name must be plain text", key.start_mark)
        if key.value in seen:
            raise _refusal(f"'{key.value[:80]}' is there twice; keep one", key.start_mark)
        seen.add(key.value)


def _problem(event: Any, depth: int, nodes: int, most: int) -> str:
    """Why the value that begins with an event is refused, "" if it is not."""
    import yaml

    if isinstance(event, yaml.AliasEvent):
        return "aliases (*name) are not allowed; write the value again"
    if event.tag is not None:
        return f"tags ({event.tag[:40]}) are not allowed; write the value alone"
    if depth > DEEPEST:
        return f"it is nested over {DEEPEST} deep"
    return f"it holds more than {most:,} values" if nodes > most else ""


def _refusal(problem: str, mark: Any) -> Exception:
    import yaml

    return yaml.MarkedYAMLError(None, None, problem, mark)


_CORE_SCHEMA = (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
)
