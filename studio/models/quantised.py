"""Quantised weight files that need scales or other tensors: fp8 is supported, others are refused by name.

fp8 with one scale for each matrix is weight · scale, as in ComfyUI's ``comfy/ops.py`` and ``comfy/quant_ops.py``.
"""

from math import prod
from typing import Final

from studio.errors import ModelError
from studio.model_files.header import Header
from studio.models.checkpoint import SCALES

_FP8: Final = frozenset({"F8_E4M3", "F8_E5M2"})
_UNSUPPORTED: Final = (  # parts of keys, and what a file with them is
    ((".quant_state.bitsandbytes__", ".absmax"), "rounded to 4 or 8 bits by bitsandbytes (nf4, fp4 or int8)"),
    ((".wscales", ".smooth_factor", ".qweight"), "rounded to 4 bits for Nunchaku (SVDQuant)"),
    ((".weight_scale_2",), "rounded to NVIDIA's 4-bit floats (nvfp4)"),
    ((".qzeros", ".g_idx", ".SCB"), "rounded to integers (GPTQ, AWQ or LLM.int8)"),
)
_INSTEAD: Final = "that is not supported: get the model in bf16 or fp8, or as GGUF"


def scaled(header: Header) -> bool:
    """Whether the file has fp8 weights with a scale each.

    Raises ModelError that says how its weights are quantised where that is not supported.
    """
    for marks, how in _UNSUPPORTED:
        if mark := next((mark for mark in marks if any(mark in name for name in header.tensors)), ""):
            raise ModelError(f"'{header.path}' is {how}, as its tensors '…{mark}' show; {_INSTEAD}")
    scales = [name for name in header.tensors if name.endswith(SCALES)]
    for name in scales:
        _check(header, name)
    _check_formats(header)
    return bool(scales)


def _check(header: Header, scale: str) -> None:
    """Raise ModelError unless a scale is one number and belongs to an fp8 weight, or to one that is not quantised."""
    weight = header.tensors.get(f"{scale.rpartition('.')[0]}.weight")
    if weight is None or prod(header.tensors[scale].shape) != 1 or weight.dtype.startswith(("I", "U")):
        raise ModelError(
            f"'{header.path}' has weights with scales that are not one number for each matrix ('{scale}'); {_INSTEAD}"
        )


def _check_formats(header: Header) -> None:
    """ComfyUI names the format of each weight in JSON: {"format": "float8_e4m3fn"}."""
    for name in (name for name in header.tensors if name.endswith(".comfy_quant")):
        content = header.bytes_of(name).decode("utf-8", "replace")
        weight = header.tensors.get(f"{name.removesuffix('comfy_quant')}weight")
        if weight is None or weight.dtype not in _FP8:
            raise ModelError(f"'{header.path}' has weights in the format {content[:80]} ('{name}'); {_INSTEAD}")
