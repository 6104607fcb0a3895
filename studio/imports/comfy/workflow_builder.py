"""Builds a workflow definition: steps, the inputs that they expose, and the graph's values for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from studio.imports.comfy.graph_traversal import GraphReader
from studio.imports.imported_settings import Asset
from studio.parameters.signature import parameters
from studio.plugins import find

_PLAIN: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True)
class WorkflowBuilder:
    """Steps by their names. A value that is out of bounds is listed as skipped, and the step's default is used."""

    reader: GraphReader
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    assets: dict[Asset, None] = field(default_factory=dict)
    guides: dict[tuple[Any, ...], str] = field(default_factory=dict)
    clip_skip: dict[str, int] = field(default_factory=dict)

    def step(self, name: str, use: str, fixed: Mapping[str, Any] = _PLAIN) -> str:
        """Add a step and return its name, with a number if the name is taken."""
        name = self._free(name, self.steps)
        self.steps[name] = {"use": use, **{key: value for key, value in fixed.items() if value not in (None, "", [])}}
        return name

    def asset(self, kind: str, name: str, weight: float = 1.0, text: float | None = None) -> str:
        """Add a file that is used; returns its name."""
        self.assets[Asset(kind, name, weight=weight, text=text)] = None
        return name

    def expose(self, name: str, step: str, key: str, value: Any = None, about: Mapping[str, Any] = _PLAIN) -> str:
        """Make a parameter of a step an input, with the graph's value as its default; returns the input's name."""
        name = self._free(name, self.inputs)
        fits = value is not None and self._fits(name, step, key, value)
        self.values.update({name: value} if fits else {})
        return self.choose(name, step, key, value if fits else None, about)

    def choose(self, name: str, step: str, key: str, file: Any, about: Mapping[str, Any] = _PLAIN) -> str:
        """The same for a file, which is not among the values: it has another name here."""
        name = self._free(name, self.inputs)
        shown = {**about, **({} if file in (None, []) else {"default": file})}
        self.inputs[name] = {"of": f"{step}.{key}", **shown} if shown else f"{step}.{key}"
        return name

    def _fits(self, name: str, step: str, key: str, value: Any) -> bool:
        try:
            parameters(find("steps", self.steps[step]["use"]).run)[key].check(value)
        except ValueError as error:
            self.reader.skip(name, value, str(error))
            return False
        return True

    @staticmethod
    def _free(name: str, taken: dict[str, Any]) -> str:
        return next(free for n in range(1, len(taken) + 2) if (free := name if n == 1 else f"{name}_{n}") not in taken)
