"""YAML without its traps: no aliases, no key twice, no "no" for False, at most 1 MB.

Ordinary loaders keep the last of two equal keys, expand 300 bytes of aliases to millions of
nodes, and read ``no`` as False and ``012`` as ten. A workflow is data that may come from a
stranger, so each of these is refused or read as it is written (YAML 1.2 core schema).
"""

import re
from pathlib import Path
from typing import Any

from studio.errors import WorkflowError

_LIMIT = 1_000_000


def read(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises WorkflowError, with file and line, for anything else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise WorkflowError(f"cannot read the workflow '{path}': {error.strerror}") from None
    if len(data) > _LIMIT:
        raise WorkflowError(f"the workflow '{path}' is over 1 MB; a workflow is a short text file")
    return parse(data, str(path))


def parse(text: bytes, name: str) -> dict[str, Any]:
    """The mapping in YAML ``text``; ``name`` is what messages call it."""
    import yaml

    try:
        content = yaml.load(text, _loader())  # noqa: S506 a SafeLoader, made stricter
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise WorkflowError(f"the workflow '{name}'{line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise WorkflowError(f"the workflow '{name}' is not readable YAML: {_first_line(error)}") from None
    except RecursionError:
        raise WorkflowError(f"the workflow '{name}' is nested too deeply") from None
    if not isinstance(content, dict):
        raise WorkflowError(f"the workflow '{name}' must be a mapping with 'inputs' and 'steps'")
    return content


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _loader() -> Any:
    """A SafeLoader class with the YAML 1.2 core schema for plain values and no repeats."""
    import yaml

    class StrictLoader(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 yaml's own protocol

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
                raise _refusal("aliases (*name) are not allowed; write the value again", mark)
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: ARG002 all of a workflow is needed at once
            seen: set[str] = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise _refusal("a name must be plain text", key.start_mark)
                if key.value in seen:
                    raise _refusal(f"'{key.value}' is there twice; keep one", key.start_mark)
                seen.add(key.value)
            return super().construct_mapping(node, deep=True)

    for tag, pattern, first in _CORE_SCHEMA:
        StrictLoader.add_implicit_resolver(tag, re.compile(pattern), list(first))
    StrictLoader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))
    return StrictLoader


def _refusal(problem: str, mark: Any) -> Exception:
    import yaml

    return yaml.MarkedYAMLError(None, None, problem, mark)


_CORE_SCHEMA = (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
)
