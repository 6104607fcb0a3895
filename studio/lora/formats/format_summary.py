"""A LoRA file in a few words: its algorithms, its ranks and alphas, the components it changes."""

import re
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from studio.lora.formats.file import LoraLayer

_NAMES: Final = {
    "lora": "LoRA",
    "loha": "LoHa",
    "lokr": "LoKr",
    "oft": "OFT",
    "ia3": "(IA)³",
    "glora": "GLoRA",
    "full": "whole difference",
    "norm": "norm",
}
_NAMINGS: Final = (  # prefix of a target, and whose naming it is
    ("lora_unet_", "kohya"),
    ("lora_te", "kohya"),
    ("lycoris_", "LyCORIS"),
    ("base_model.model.", "PEFT"),
    ("diffusion_model.", "the makers' own names"),
)
_TEXT_ENCODER: Final = re.compile(r"(?:lora_te|text_encoder_?)(\d?)|lycoris_text_model|text_model\.encoder")


def formats(layers: Iterable[LoraLayer]) -> str:
    """For example "kohya: LoRA (192), LoCon (20)"."""
    every = list(layers)
    namings = dict.fromkeys(_naming(layer.target) for layer in every)
    algorithms = Counter(_algorithm(layer) for layer in every)
    return f"{', '.join(namings)}: {', '.join(f'{name} ({times})' for name, times in algorithms.most_common())}"


def strengths(layers: Iterable[LoraLayer]) -> str:
    """Ranks and alphas, for example "8–32, alpha = rank/2"."""
    ranked = [layer for layer in layers if layer.rank]
    if not ranked:
        return "none"
    return f"{_span(layer.rank for layer in ranked)}, {_alphas(ranked)}"


def part(target: str) -> str:
    """The component that a target belongs to: "denoiser", "text encoder 2" …"""
    found = _TEXT_ENCODER.search(target)
    if not found:
        return "denoiser"
    return f"text encoder {found[1]}" if found[1] and found[1] != "1" else "text encoder"


def _naming(target: str) -> str:
    return next((who for prefix, who in _NAMINGS if target.startswith(prefix)), "diffusers")


def _algorithm(layer: LoraLayer) -> str:
    if "dora_scale" in layer.shapes:
        return f"{_NAMES[layer.algorithm]} with DoRA" if layer.algorithm != "lora" else "DoRA"
    convolves = layer.algorithm == "lora" and max(layer.shapes["down"][2:], default=1) > 1
    return "LoCon" if convolves or "mid" in layer.shapes else _NAMES[layer.algorithm]


def _alphas(ranked: list[LoraLayer]) -> str:
    alphas = [layer.alpha for layer in ranked if layer.alpha is not None]
    if not alphas:
        return "no alpha, which counts as alpha = rank"
    scales = {layer.scale for layer in ranked}
    if len(scales) > 1:
        return f"alpha {_span(alphas)}" + ("" if len(alphas) == len(ranked) else ", none for some")
    ratio = Fraction(scales.pop()).limit_denominator(1000)
    if ratio.numerator == 1:
        return "alpha = rank" if ratio == 1 else f"alpha = rank/{ratio.denominator}"
    return f"alpha = {float(ratio):g} × rank"


def _span(values: Iterable[float]) -> str:
    found = sorted({*values})
    return f"{found[0]:g}" if len(found) == 1 else f"{found[0]:g}–{found[-1]:g}"
