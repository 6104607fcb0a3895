"""What peft wrote down of a training: the alphas of a LoRA whose tensors do not say them.

diffusers puts it into the file's metadata, "lora_adapter_metadata", each key behind its component ("unet.lora_alpha");
peft into ``adapter_config.json`` beside its ``adapter_model.safetensors``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, sqrt
from types import MappingProxyType
from typing import Any, Final

from studio.errors import ModelError
from studio.files import strict_json
from studio.files.untrusted import is_file
from studio.model_files.configuration import read_json
from studio.model_files.header import Header

_KEY: Final = "lora_adapter_metadata"
_LITERAL: Final = re.compile(r"\^?[\w.-]+")


@dataclass(frozen=True)
class Trained:
    """The configuration that a file came with, empty where it came with none; ``said`` is by peft's own keys."""

    path: str
    said: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, header: Header) -> "Trained":
        """Read it; raises ModelError where it cannot be read."""
        beside = header.path.parent / "adapter_config.json"
        if _KEY in header.metadata:
            return cls(str(header.path), _parsed(header))
        if header.path.name == "adapter_model.safetensors" and is_file(beside):
            return cls(str(beside), read_json(beside))
        return cls(str(header.path))

    def alpha(self, target: str, rank: int) -> float | None:
        """The alpha of a module, by its name in the file, as it counts against the rank; None where nothing is said."""
        component, _, module = target.partition(".")
        packed = f"{component}." if any(key.startswith(f"{component}.") for key in self.said) else ""
        module = (module if packed else target).removeprefix("base_model.model.")
        alpha = self._one(self._get(packed, "alpha_pattern"), module)
        alpha = self._get(packed, "lora_alpha", "alpha") if alpha is None else alpha
        if alpha is None:
            return None
        if type(alpha) not in {int, float} or not isfinite(alpha):
            raise ModelError(f"'{self.path}' says '{str(alpha)[:40]}' is an alpha; it is damaged")
        return float(alpha) * (sqrt(rank) if self._get(packed, "use_rslora") else 1)

    def _get(self, packed: str, *keys: str) -> Any:
        return next((self.said[packed + key] for key in keys if packed + key in self.said), None)

    def _one(self, patterns: Any, module: str) -> Any:
        """The value of the first pattern that a module's name, or its end, fits. They are names; ``^`` is the start."""
        for pattern, value in patterns.items() if isinstance(patterns, dict) else ():
            if not _LITERAL.fullmatch(pattern):
                raise ModelError(f"'{self.path}' gives alphas by a pattern, '{pattern[:80]}', which is not supported")
            if module == pattern.removeprefix("^") or module.endswith(f".{pattern}"):
                return value
        return None


def _parsed(header: Header) -> Mapping[str, Any]:
    try:
        said = strict_json.loads(header.metadata[_KEY])
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise ModelError(f"'{header.path}' has {_KEY} that cannot be read; the file is damaged")
    return said
