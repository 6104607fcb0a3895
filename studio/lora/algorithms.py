"""What a LoRA's change, in whatever form its file has, adds to a module's weights.

Every form becomes a difference from the model's own weight, at full strength; the strength that is asked for
multiplies it, and differences of several files add up, so their order says nothing. For additive forms that is what
all programs do. For those that turn or scale a weight (DoRA, OFT, BOFT, IA3, GLoRA) it is ComfyUI's rule for DoRA,
weight + strength · (changed - weight), and PEFT's for several at once, each reckoned from the own weight: strength 0
changes nothing and strength 1 is exactly what was trained. (LyCORIS itself lets strength 0 of a DoRA or a rescaled
OFT change the weight, and turns BOFT's factors one by one.)

Formulas: ``lycoris/modules`` and ``lycoris/functional`` of https://github.com/KohakuBlueleaf/LyCORIS and
``networks/lora.py``, ``networks/oft.py`` of https://github.com/kohya-ss/sd-scripts, as their training computes them;
papers at each function. Where ComfyUI (``comfy/weight_adapter``) differs from the trainers, the trainers are right.
"""

from collections.abc import Callable, Collection, Mapping
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from studio.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

Roles = Mapping[str, "Tensor"]
"""A change's tensors by what they are in it: "up", "down", "alpha" …; all on one device and of one precision."""


def changes(roles: Collection[str]) -> tuple[bool, bool]:
    """Whether a change with such tensors is one of its module's weight, and whether of its bias."""
    return bool({*roles} - {*_BIASES, "alpha"}), bool({*roles} & {*_BIASES})


def weight(form: str, of: Roles, own: "Tensor") -> "Tensor":
    """The difference from a module's ``own`` weight, in its shape.

    Raises ModelError for a form that is not known, and what torch raises where the tensors do not fit together.
    """
    if form not in FORMS:
        raise ModelError(f"changes of the form '{form}' are not known here")
    made = FORMS[form](of, own).reshape(own.shape)
    return _decomposed(of["dora_scale"], own, made) if "dora_scale" in of else made


def bias(of: Roles) -> "Tensor":
    """The difference from a module's bias; that of a LoRA's up matrix is multiplied by alpha / rank, as in PEFT."""
    if "up_bias" in of:
        return of["up_bias"] * _strength(of, len(of["down"]))
    return next(of[role] for role in _BIASES if role in of)


def factors(form: str, of: Roles) -> "tuple[Tensor, Tensor] | None":
    """Two matrices (out, rank) and (rank, in) whose product is the difference, for the form where that is so."""
    if form != "lora" or {"mid", "dora_scale"} & of.keys():
        return None
    up, down = of["up"].flatten(1), of["down"].flatten(1)
    return up * _strength(of, len(down)), down


def _strength(of: Roles, rank: int) -> float:
    """alpha / rank; a missing alpha stands for the rank itself, one of 0 is a strength of 0."""
    alpha = float(of["alpha"]) if "alpha" in of else rank
    if not isfinite(alpha):
        raise ModelError(f"an alpha of {alpha} is not a strength")
    return alpha / rank


def _lora(of: Roles, own: "Tensor") -> "Tensor":  # noqa: ARG001 as all
    """up · down · alpha / rank; with a core between them (LoCon's Tucker form) core x1 up x2 down.

    https://arxiv.org/abs/2106.09685; the core: https://arxiv.org/abs/2108.06098, proposition 3.
    """
    up, down = of["up"].flatten(1), of["down"].flatten(1)
    return _product(up, down, of.get("mid")) * _strength(of, len(down))


def _loha(of: Roles, own: "Tensor") -> "Tensor":  # noqa: ARG001
    """(a1 · b1) ⊙ (a2 · b2) · alpha / rank, or with cores t1 and t2, where a1 and a2 lie transposed.

    https://arxiv.org/abs/2108.06098, FedPara.
    """
    rank = len(of["w1_b"])
    first, second = (_half(of, n) for n in ("1", "2"))
    return first * second * _strength(of, rank)


def _half(of: Roles, n: str) -> "Tensor":
    """One of the two matrices that LoHa multiplies and LoKr nests: whole, a product, or one with a core."""
    if f"w{n}" in of:
        return of[f"w{n}"]
    a, b, core = of[f"w{n}_a"], of[f"w{n}_b"].flatten(1), of.get(f"t{n}")
    return a @ b if core is None else _product(a.T, b, core)


def _lokr(of: Roles, own: "Tensor") -> "Tensor":  # noqa: ARG001
    """w1 ⊗ w2 · alpha / rank, each whole or in factors; where both are whole, alpha says nothing.

    https://arxiv.org/abs/2309.14859, section 3.3; that whole ones have no alpha: ``lycoris/modules/lokr.py``, whose
    files hold any number there, even infinity.
    """
    import torch

    ranks = [len(of[role]) for role in ("w1_b", "w2_b") if role in of]
    nested = torch.kron(_half(of, "1"), _half(of, "2").flatten(1))
    return nested * (_strength(of, ranks[0]) if ranks else 1.0)


def _oft(of: Roles, own: "Tensor") -> "Tensor":
    """Output channels turned in blocks, and stretched by ``rescale`` where that is given.

    https://arxiv.org/abs/2306.07280; blocks of four dimensions are BOFT's, https://arxiv.org/abs/2311.06243.
    kohya's ``networks/oft_flux.py`` has several sets of blocks for a module that holds several side by side.
    """
    import torch

    if "blocks" not in of:
        return _oft_parts(of, own)
    turns = _turns(of["blocks"], _constraint(of, len(own)))
    if turns.ndim == 4:
        turned = _butterfly(turns, own)
    else:
        blocks = own.reshape(*turns.shape[:2], *own.shape[1:])
        turned = torch.einsum("knm,kn...->km...", turns, blocks).flatten(0, 1)
    return (turned * of["rescale"].reshape(_along(own, 0)) if "rescale" in of else turned) - own


def _oft_parts(of: Roles, own: "Tensor") -> "Tensor":
    """The rows of each set of blocks turned by themselves; alpha 0 turns nothing here, where LyCORIS has no limit."""
    import torch

    parts = [of[role] for role in sorted(of) if role.startswith("blocks_")]
    rows = torch.split(own, [part.shape[0] * part.shape[1] for part in parts])
    if not float(of.get("alpha", 1.0)):
        return torch.zeros_like(own)
    alpha = {"alpha": of["alpha"]} if "alpha" in of else {}
    return torch.cat([_oft({"blocks": part, **alpha}, each) for part, each in zip(parts, rows, strict=True)])


def _constraint(of: Roles, channels: int) -> float:
    """The most that the blocks' norm may be, 0 for no limit: alpha · output channels, as both trainers have it."""
    return float(of["alpha"]) * channels if "alpha" in of else 0.0


def _turns(blocks: "Tensor", most: float) -> "Tensor":
    """Rotations by Cayley's transform: (1 + q) (1 - q)⁻¹, of q = block - blockᵀ."""
    import torch

    q = blocks - blocks.mT
    norm = torch.linalg.vector_norm(q) + 1e-8
    q = q * (most / norm) if 0 < most < norm else q
    one = torch.eye(blocks.shape[-1], device=q.device, dtype=q.dtype)
    turns: Tensor = (one + q) @ torch.linalg.inv(one - q)
    return turns


def _butterfly(turns: "Tensor", own: "Tensor") -> "Tensor":
    """The factors one after another: before the i-th, channels that lie 2ⁱ half blocks apart come side by side."""
    import torch

    size, rest = turns.shape[-1], own.shape[1:]
    for n, turn in enumerate(turns):
        apart = 2**n * (size // 2)
        near = own.reshape(-1, 2, apart, *rest).transpose(1, 2).reshape(-1, size, *rest)
        turned = torch.einsum("bij,bj...->bi...", turn, near)
        own = turned.reshape(-1, apart, 2, *rest).transpose(1, 2).reshape(own.shape)
    return own


def _ia3(of: Roles, own: "Tensor") -> "Tensor":
    """Each output channel, or with ``on_input`` each input channel, stretched by 1 + weight.

    https://arxiv.org/abs/2205.05638, learned as a difference from 1: ``lycoris/modules/ia3.py``.
    """
    axis = int(bool(of["on_input"]) if "on_input" in of else 0)
    return own * of["weight"].reshape(_along(own, axis))


def _glora(of: Roles, own: "Tensor") -> "Tensor":
    """(W · a1 · a2 + b1 · b2) · alpha / rank; files of the first versions have the factors the other way round.

    https://arxiv.org/abs/2306.07967; ``lycoris/modules/glora.py``.
    """
    import torch

    a1, a2, b1, b2 = (of[role].flatten(1) for role in ("a1", "a2", "b1", "b2"))
    if a1.shape[0] != own.shape[1] or a1.shape[1] != a2.shape[0]:
        a1, a2, b1, b2 = a2, a1, b2, b1
    inside = torch.einsum("oi...,ij->oj...", own, a1 @ a2)
    return (inside + _product(b1, b2, of.get("bm")).reshape(own.shape)) * _strength(of, len(a2))


def _whole(of: Roles, own: "Tensor") -> "Tensor":  # noqa: ARG001
    """The difference itself, of a weight or a norm."""
    return next(of[role] for role in ("diff", "w_norm") if role in of)


def _product(up: "Tensor", down: "Tensor", core: "Tensor | None") -> "Tensor":
    """(out, rank) times (rank, in), with the core (rank, rank, …) between them where there is one."""
    import torch

    return up @ down if core is None else torch.einsum("mn...,im,nj->ij...", core, up, down)


def _decomposed(lengths: "Tensor", own: "Tensor", made: "Tensor") -> "Tensor":
    """DoRA: the changed weight brought to learned lengths, less the own one.

    https://arxiv.org/abs/2402.09353. The lengths are those of output channels, (out, 1 …) or (out) as PEFT has
    them, or of input channels, (1, in, 1 …), which was LyCORIS' first layout (its ``wd_on_out`` off).
    """
    import torch

    changed: Tensor = own + made
    axis = 0 if lengths.ndim == 1 or lengths.shape[0] == own.shape[0] else 1
    others = [n for n in range(own.ndim) if n != axis]
    now: Tensor = torch.linalg.vector_norm(changed, dim=others, keepdim=True) + torch.finfo(own.dtype).eps
    return changed * (lengths.reshape(now.shape) / now) - own


def _along(own: "Tensor", axis: int) -> list[int]:
    """The shape in which one number for each channel of an axis multiplies a weight."""
    return [-1 if n == axis else 1 for n in range(own.ndim)]


_BIASES: Final = ("diff_b", "b_norm", "up_bias")
FORMS: Final[Mapping[str, Callable[[Roles, "Tensor"], "Tensor"]]] = MappingProxyType(
    {
        "lora": _lora,
        "loha": _loha,
        "lokr": _lokr,
        "oft": _oft,
        "ia3": _ia3,
        "glora": _glora,
        "full": _whole,
        "norm": _whole,
    }
)
"""By the name of the form, what makes the difference of its tensors and the own weight."""
