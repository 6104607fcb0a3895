"""A model's configurations: JSON files with the sizes of what is built from them, so absurd numbers are refused.

A scheduler of 10⁹ steps would take eight gigabytes, and a transformer with as many layers would never be built, long
before it is noticed that there are no weights for it.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from studio.errors import ModelError
from studio.files import strict_json
from studio.files.untrusted import read_file

LARGEST: Final = 4 * 2**20
"""The maximum size of a configuration in bytes; vocabularies can be larger."""

_MOST: Final = (  # a pattern for the name of a setting, and its maximum; the first match applies
    (re.compile(r".*(layers|depth|blocks|repeats).*"), 1_000),
    (re.compile(r"num_.*|.*_steps"), 200_000),
    (re.compile(r"model_max_length|.*theta"), math.inf),  # transformers writes 10**30 for "no limit"
)
_LARGEST_NUMBER: Final = 10**8
_COUNTS: Final = frozenset(
    {
        "attention_head_dim", "base_dim", "block_out_channels", "conditioning_embedding_out_channels", "dim",
        "dim_mult", "decoder_block_out_channels", "hidden_size", "in_channels", "inner_dim", "latent_channels",
        "layers_per_block", "num_attention_heads", "num_layers", "num_mode", "num_control_type", "num_single_layers",
        "num_train_timesteps", "out_channels", "patch_size", "sample_size", "z_dim",
    }
)  # fmt: skip
"""Settings that are whole numbers, or lists of them, in every component."""

_SINGLE: Final = frozenset(
    {"in_channels", "latent_channels", "num_mode", "num_control_type", "num_train_timesteps", "z_dim"}
)
_LONGEST_LIST: Final = 100


def read_json(path: Path) -> dict[str, Any]:
    """A configuration; raises ModelError where it cannot be read or a number in it is absurd."""
    try:
        content = strict_json.loads(read_file(path, LARGEST))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)[:200]
        raise ModelError(f"'{path}' cannot be read ({reason}); is this the folder of a diffusers model?") from None
    for name, value in settings(content):
        if problem := _problem(name, value):
            raise ModelError(f"'{path}' {problem}; the file is damaged or forged: get it again from a trusted place")
    return content if isinstance(content, dict) else {}


def settings(content: Any) -> Iterator[tuple[str, Any]]:
    """Each setting in a configuration by its name, nested ones too; items of a list by the list's name."""
    todo = [("", content)]
    while todo:
        name, value = todo.pop()
        if isinstance(value, dict):
            todo += value.items()
        elif isinstance(value, list):
            todo += [(name, item) for item in value]
        if name:
            yield name, value


def _problem(name: str, value: Any) -> str:
    """What is wrong with a setting, "" if it is valid."""
    most = next((most for called, most in _MOST if called.fullmatch(name)), _LARGEST_NUMBER)
    if type(value) is int and abs(value) > most:
        return f"has {_short(value)} as '{name[:80]}', more than any model has"
    if name in _COUNTS and not _is_count(value, single=name in _SINGLE):
        return f"has {_short(value)} as '{name}', which must be a whole number"
    return ""


def _is_count(value: Any, *, single: bool) -> bool:
    """Whether it is a whole number from 0, or a list of numbers from 1, or null."""
    if isinstance(value, list) and not single:
        return 0 < len(value) <= _LONGEST_LIST and all(type(one) is int and one > 0 for one in value)
    return value is None or (type(value) is int and value >= 0)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
