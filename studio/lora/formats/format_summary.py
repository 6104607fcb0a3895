"""How a LoRA file is made, in a few words: its formats, its ranks and alphas, the parts it changes."""

import re
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from studio.lora.formats.file import Change

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
_MAKERS: Final = (  # the beginning of a module's name, and who writes it so
    ("lora_unet_", "kohya"),
    ("lora_te", "kohya"),
    ("lycoris_", "LyCORIS"),
    ("base_model.model.", "PEFT"),
    ("diffusion_model.", "the makers' own names"),
)
_TEXT: Final = re.compile(r"(?:lora_te|text_encoder_?)(\d?)|lycoris_text_model|text_model\.encoder")


def formats(changes: Iterable[Change]) -> str:
    """For example "kohya: LoRA (192), LoCon (20)"."""
    every = list(changes)
    makers = dict.fromkeys(_maker(change.target) for change in every)
    forms = Counter(_form(change) for change in every)
    return f"{', '.join(makers)}: {', '.join(f'{form} ({times})' for form, times in forms.most_common())}"


def strengths(changes: Iterable[Change]) -> str:
    """For example "8–32, alpha = rank/2"."""
    ranked = [change for change in changes if change.rank]
    if not ranked:
        return "none"
    return f"{_span(change.rank for change in ranked)}, {_alphas(ranked)}"


def part(target: str) -> str:
    """The part of a model that a file's name of a module is in: "denoiser", "text encoder 2" …"""
    found = _TEXT.search(target)
    if not found:
        return "denoiser"
    return f"text encoder {found[1]}" if found[1] and found[1] != "1" else "text encoder"


def _maker(target: str) -> str:
    return next((who for begin, who in _MAKERS if target.startswith(begin)), "diffusers")


def _form(change: Change) -> str:
    if "dora_scale" in change.shapes:
        return f"{_NAMES[change.form]} with DoRA" if change.form != "lora" else "DoRA"
    convolves = change.form == "lora" and max(change.shapes["down"][2:], default=1) > 1
    return "LoCon" if convolves or "mid" in change.shapes else _NAMES[change.form]


def _alphas(ranked: list[Change]) -> str:
    alphas = [change.alpha for change in ranked if change.alpha is not None]
    if not alphas:
        return "no alpha, which counts as alpha = rank"
    scales = {change.scale for change in ranked}
    if len(scales) > 1:
        return f"alpha {_span(alphas)}" + ("" if len(alphas) == len(ranked) else ", none for some")
    ratio = Fraction(scales.pop()).limit_denominator(1000)
    if ratio.numerator == 1:
        return "alpha = rank" if ratio == 1 else f"alpha = rank/{ratio.denominator}"
    return f"alpha = {float(ratio):g} × rank"


def _span(values: Iterable[float]) -> str:
    found = sorted({*values})
    return f"{found[0]:g}" if len(found) == 1 else f"{found[0]:g}–{found[-1]:g}"
