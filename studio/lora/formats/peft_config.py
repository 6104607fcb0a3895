"""The configuration that peft saves with a LoRA, which has the alphas where no tensor holds them.

diffusers puts it into the file's metadata, "lora_adapter_metadata", with the component before each key
("unet.lora_alpha"); peft into ``adapter_config.json`` beside its ``adapter_model.safetensors``.
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
class PeftConfig:
    """The configuration of a file, empty where it has none. ``path`` is the file that holds it."""

    path: str
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, header: Header) -> "PeftConfig":
        """The configuration of the LoRA with this header; raises ModelError where it cannot be read."""
        beside = header.path.parent / "adapter_config.json"
        if _KEY in header.metadata:
            return cls(str(header.path), _from_metadata(header))
        if header.path.name == "adapter_model.safetensors" and is_file(beside):
            return cls(str(beside), read_json(beside))
        return cls(str(header.path))

    def alpha(self, target: str, rank: int) -> float | None:
        """The alpha of a module, given as the file names it; None where the configuration has none.

        It is divided by the rank afterwards, so it is multiplied by √rank for rsLoRA.
        """
        component, _, module = target.partition(".")
        prefix = f"{component}." if any(key.startswith(f"{component}.") for key in self.settings) else ""
        module = (module if prefix else target).removeprefix("base_model.model.")
        alpha = self._match(self._get(prefix, "alpha_pattern"), module)
        alpha = self._get(prefix, "lora_alpha", "alpha") if alpha is None else alpha
        if alpha is None:
            return None
        if type(alpha) not in {int, float} or not isfinite(alpha):
            raise ModelError(f"'{self.path}' gives '{str(alpha)[:40]}' as an alpha; it is damaged: get it again")
        return float(alpha) * (sqrt(rank) if self._get(prefix, "use_rslora") else 1)

    def _get(self, prefix: str, *keys: str) -> Any:
        return next((self.settings[prefix + key] for key in keys if prefix + key in self.settings), None)

    def _match(self, patterns: Any, module: str) -> Any:
        """The value of the first pattern that matches the module or the end of its name.

        Only names are supported as patterns; ``^`` stands for the beginning.
        """
        for pattern, value in patterns.items() if isinstance(patterns, dict) else ():
            if not _LITERAL.fullmatch(pattern):
                raise ModelError(f"'{self.path}' gives alphas by a pattern, '{pattern[:80]}', which is not supported")
            if module == pattern.removeprefix("^") or module.endswith(f".{pattern}"):
                return value
        return None


def _from_metadata(header: Header) -> Mapping[str, Any]:
    try:
        settings = strict_json.loads(header.metadata[_KEY])
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise ModelError(f"'{header.path}' has {_KEY} that cannot be read; it is damaged: get it again")
    return settings
