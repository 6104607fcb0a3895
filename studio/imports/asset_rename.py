"""Renames the models, LoRAs and adapters in an imported workflow to their local names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from studio.parameters.signature import Parameter, parameters
from studio.parameters.types import PARTS
from studio.parameters.value_lists import listed
from studio.plugins import find
from studio.prompts.lora import Lora

Names = Mapping[tuple[str, str], str]


def rename_assets(definition: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """A workflow definition with other names for its models, LoRAs and adapters; those named "" are removed.

    ``names`` are by kind ("model", "lora", "vae" …) and the name in the definition. If a step loses a model or adapter,
    it becomes an input, so that another can be chosen.
    """
    steps = {name: _step(step, names) for name, step in definition.get("steps", {}).items()}
    inputs = {name: _input(spec, definition, names) for name, spec in definition.get("inputs", {}).items()}
    for name, step in steps.items():
        for key in set(definition["steps"][name]) - set(step):
            inputs[_free(key, inputs)] = f"{name}.{key}"
    return {**definition, "inputs": inputs, "steps": steps}


def _free(name: str, taken: Mapping[str, Any]) -> str:
    return next(free for n in range(1, len(taken) + 2) if (free := name if n == 1 else f"{name}_{n}") not in taken)


def _step(step: Mapping[str, Any], names: Names) -> dict[str, Any]:
    known = parameters(find("steps", str(step.get("use", ""))).run)
    named = {key: _named(known[key], value, names) if key in known else value for key, value in step.items()}
    return {key: value for key, value in named.items() if value is not None or step[key] is None}


def _input(spec: Any, definition: Mapping[str, Any], names: Names) -> Any:
    if not isinstance(spec, dict) or "default" not in spec:
        return spec
    step, _, key = str(spec.get("of", "")).partition(".")
    known = parameters(find("steps", str(definition["steps"].get(step, {}).get("use", ""))).run)
    value = _named(known[key], spec["default"], names) if key in known else spec["default"]
    rest = {name: other for name, other in spec.items() if name != "default"}
    return rest if value is None else {**rest, "default": value}


def _named(parameter: Parameter, value: Any, names: Names) -> Any:
    """A parameter's value with the new names; None if nothing of it is left."""
    kind = parameter.kind.name
    if kind == "loras":
        loras = map(Lora.parse, listed(value) if isinstance(value, str) else value)
        return [str(replace(lora, part=name)) for lora in loras if (name := names.get(("lora", lora.part), lora.part))]
    if kind not in ("model", *PARTS) or not isinstance(value, str):
        return value
    return names.get((kind, value), value) or None
