"""What a layer of a LoRA adds to the weight and bias of its module, for each algorithm.

Every algorithm becomes a difference from the model's original weight, at full strength. It is multiplied by the
requested strength, and the differences of several files add up, so their order does not matter. For additive algorithms
this is what all programs do. For those that rotate or scale a weight (DoRA, OFT, BOFT, IA3, GLoRA) it is ComfyUI's rule
for DoRA, weight + strength · (changed - weight), and PEFT's for several at once, each computed from the original
weight: strength 0 changes nothing and strength 1 is exactly what was trained. (In LyCORIS itself a DoRA or a rescaled
OFT changes the weight even at strength 0, and the factors of BOFT are applied one by one.)

Formulas: ``lycoris/modules`` and ``lycoris/functional`` of https://github.com/KohakuBlueleaf/LyCORIS and
``networks/lora.py``, ``networks/oft.py`` of https://github.com/kohya-ss/sd-scripts, as their training computes them;
papers at each function. Where ComfyUI (``comfy/weight_adapter``) differs from the trainers, this follows the trainers.
"""

from collections.abc import Callable, Collection, Mapping
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from studio.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

LayerTensors = Mapping[str, "Tensor"]
"""The tensors of one layer by kind ("up", "down", "alpha" …), all on one device and of one dtype."""


def affects(kinds: Collection[str]) -> tuple[bool, bool]:
    """Whether a layer with these kinds of tensors changes its module's weight, and whether its bias."""
    return bool({*kinds} - {*_BIASES, "alpha"}), bool({*kinds} & {*_BIASES})


def weight_delta(algorithm: str, tensors: LayerTensors, weight: "Tensor") -> "Tensor":
    """The difference from a module's original ``weight``, in its shape.

    Raises ModelError for an unknown algorithm, and what torch raises where the tensors do not fit together.
    """
    if algorithm not in ALGORITHMS:
        raise ModelError(f"the algorithm '{algorithm}' is not known here")
    difference = ALGORITHMS[algorithm](tensors, weight).reshape(weight.shape)
    return _decomposed(tensors["dora_scale"], weight, difference) if "dora_scale" in tensors else difference


def bias_delta(tensors: LayerTensors) -> "Tensor":
    """The difference from a module's bias; that of a LoRA's up matrix is multiplied by alpha / rank, as in PEFT."""
    if "up_bias" in tensors:
        return tensors["up_bias"] * _strength(tensors, len(tensors["down"]))
    return next(tensors[kind] for kind in _BIASES if kind in tensors)


def low_rank_factors(algorithm: str, tensors: LayerTensors) -> "tuple[Tensor, Tensor] | None":
    """Two matrices (out, rank) and (rank, in) whose product is the difference; None for other algorithms than LoRA."""
    if algorithm != "lora" or {"mid", "dora_scale"} & tensors.keys():
        return None
    up, down = tensors["up"].flatten(1), tensors["down"].flatten(1)
    return up * _strength(tensors, len(down)), down


def _strength(tensors: LayerTensors, rank: int) -> float:
    """alpha / rank. A missing alpha means the rank itself; an alpha of 0 is a strength of 0."""
    alpha = float(tensors["alpha"]) if "alpha" in tensors else rank
    if not isfinite(alpha):
        raise ModelError(f"an alpha of {alpha} is not a strength")
    return alpha / rank


def _lora(tensors: LayerTensors, weight: "Tensor") -> "Tensor":  # noqa: ARG001 all share one signature
    """up · down · alpha / rank; with a core between them (LoCon's Tucker decomposition) core x1 up x2 down.

    https://arxiv.org/abs/2106.09685; the core: https://arxiv.org/abs/2108.06098, proposition 3.
    """
    up, down = tensors["up"].flatten(1), tensors["down"].flatten(1)
    return _product(up, down, tensors.get("mid")) * _strength(tensors, len(down))


def _loha(tensors: LayerTensors, weight: "Tensor") -> "Tensor":  # noqa: ARG001
    """(a1 · b1) ⊙ (a2 · b2) · alpha / rank, or with cores t1 and t2, where a1 and a2 are stored transposed.

    https://arxiv.org/abs/2108.06098, FedPara.
    """
    rank = len(tensors["w1_b"])
    first, second = (_half(tensors, n) for n in ("1", "2"))
    return first * second * _strength(tensors, rank)


def _half(tensors: LayerTensors, n: str) -> "Tensor":
    """One of the two matrices that LoHa and LoKr combine: stored whole, as a product, or as a product with a core."""
    if f"w{n}" in tensors:
        return tensors[f"w{n}"]
    a, b, core = tensors[f"w{n}_a"], tensors[f"w{n}_b"].flatten(1), tensors.get(f"t{n}")
    return a @ b if core is None else _product(a.T, b, core)


def _lokr(tensors: LayerTensors, weight: "Tensor") -> "Tensor":  # noqa: ARG001
    """w1 ⊗ w2 · alpha / rank, each whole or in factors; where both are whole, alpha has no meaning.

    https://arxiv.org/abs/2309.14859, section 3.3. For alpha see ``lycoris/modules/lokr.py``: files with both matrices
    whole have any number there, even infinity.
    """
    import torch

    ranks = [len(tensors[kind]) for kind in ("w1_b", "w2_b") if kind in tensors]
    nested = torch.kron(_half(tensors, "1"), _half(tensors, "2").flatten(1))
    return nested * (_strength(tensors, ranks[0]) if ranks else 1.0)


def _oft(tensors: LayerTensors, weight: "Tensor") -> "Tensor":
    """Output channels rotated in blocks, and scaled by ``rescale`` where that is given.

    https://arxiv.org/abs/2306.07280; blocks of four dimensions are BOFT's, https://arxiv.org/abs/2311.06243.
    kohya's ``networks/oft_flux.py`` has several sets of blocks for a module that fuses several.
    """
    import torch

    if "blocks" not in tensors:
        return _oft_parts(tensors, weight)
    turns = _turns(tensors["blocks"], _constraint(tensors, len(weight)))
    if turns.ndim == 4:
        turned = _butterfly(turns, weight)
    else:
        blocks = weight.reshape(*turns.shape[:2], *weight.shape[1:])
        turned = torch.einsum("knm,kn...->km...", turns, blocks).flatten(0, 1)
    return (turned * tensors["rescale"].reshape(_along(weight, 0)) if "rescale" in tensors else turned) - weight


def _oft_parts(tensors: LayerTensors, weight: "Tensor") -> "Tensor":
    """The rows of each set of blocks rotated separately; an alpha of 0 rotates nothing, for LyCORIS it is no limit."""
    import torch

    parts = [tensors[kind] for kind in sorted(tensors) if kind.startswith("blocks_")]
    rows = torch.split(weight, [part.shape[0] * part.shape[1] for part in parts])
    if not float(tensors.get("alpha", 1.0)):
        return torch.zeros_like(weight)
    alpha = {"alpha": tensors["alpha"]} if "alpha" in tensors else {}
    return torch.cat([_oft({"blocks": part, **alpha}, each) for part, each in zip(parts, rows, strict=True)])


def _constraint(tensors: LayerTensors, channels: int) -> float:
    """The upper limit of the blocks' norm, 0 for none: alpha · output channels, as in both trainers."""
    return float(tensors["alpha"]) * channels if "alpha" in tensors else 0.0


def _turns(blocks: "Tensor", most: float) -> "Tensor":
    """Rotations by Cayley's transform: (1 + q) (1 - q)⁻¹, of q = block - blockᵀ."""
    import torch

    q = blocks - blocks.mT
    norm = torch.linalg.vector_norm(q) + 1e-8
    q = q * (most / norm) if 0 < most < norm else q
    one = torch.eye(blocks.shape[-1], device=q.device, dtype=q.dtype)
    turns: Tensor = (one + q) @ torch.linalg.inv(one - q)
    return turns


def _butterfly(turns: "Tensor", weight: "Tensor") -> "Tensor":
    """The factors one after another; before the i-th, channels 2ⁱ half blocks apart are placed next to each other."""
    import torch

    size, rest = turns.shape[-1], weight.shape[1:]
    for n, turn in enumerate(turns):
        apart = 2**n * (size // 2)
        near = weight.reshape(-1, 2, apart, *rest).transpose(1, 2).reshape(-1, size, *rest)
        turned = torch.einsum("bij,bj...->bi...", turn, near)
        weight = turned.reshape(-1, apart, 2, *rest).transpose(1, 2).reshape(weight.shape)
    return weight


def _ia3(tensors: LayerTensors, weight: "Tensor") -> "Tensor":
    """Each output channel, or with ``on_input`` each input channel, scaled by 1 + weight.

    https://arxiv.org/abs/2205.05638; the weight is a difference from 1, see ``lycoris/modules/ia3.py``.
    """
    axis = int(bool(tensors["on_input"]) if "on_input" in tensors else 0)
    return weight * tensors["weight"].reshape(_along(weight, axis))


def _glora(tensors: LayerTensors, weight: "Tensor") -> "Tensor":
    """(W · a1 · a2 + b1 · b2) · alpha / rank; files of the first versions have the factors in reverse order.

    https://arxiv.org/abs/2306.07967; ``lycoris/modules/glora.py``.
    """
    import torch

    a1, a2, b1, b2 = (tensors[kind].flatten(1) for kind in ("a1", "a2", "b1", "b2"))
    if a1.shape[0] != weight.shape[1] or a1.shape[1] != a2.shape[0]:
        a1, a2, b1, b2 = a2, a1, b2, b1
    inside = torch.einsum("oi...,ij->oj...", weight, a1 @ a2)
    return (inside + _product(b1, b2, tensors.get("bm")).reshape(weight.shape)) * _strength(tensors, len(a2))


def _whole(tensors: LayerTensors, weight: "Tensor") -> "Tensor":  # noqa: ARG001
    """The difference itself, of a weight or a norm."""
    return next(tensors[kind] for kind in ("diff", "w_norm") if kind in tensors)


def _product(up: "Tensor", down: "Tensor", core: "Tensor | None") -> "Tensor":
    """(out, rank) times (rank, in), with the core (rank, rank, …) between them if there is one."""
    import torch

    return up @ down if core is None else torch.einsum("mn...,im,nj->ij...", core, up, down)


def _decomposed(magnitudes: "Tensor", weight: "Tensor", difference: "Tensor") -> "Tensor":
    """DoRA: the changed weight scaled to learned magnitudes, minus the original weight.

    https://arxiv.org/abs/2402.09353. The magnitudes belong to output channels, (out, 1 …) or PEFT's (out), or to input
    channels, (1, in, 1 …), as in LyCORIS' first layout (its ``wd_on_out`` off).
    """
    import torch

    changed: Tensor = weight + difference
    axis = 0 if magnitudes.ndim == 1 or magnitudes.shape[0] == weight.shape[0] else 1
    others = [n for n in range(weight.ndim) if n != axis]
    now: Tensor = torch.linalg.vector_norm(changed, dim=others, keepdim=True) + torch.finfo(weight.dtype).eps
    return changed * (magnitudes.reshape(now.shape) / now) - weight


def _along(weight: "Tensor", axis: int) -> list[int]:
    """The shape that broadcasts one number for each channel of an axis over a weight."""
    return [-1 if n == axis else 1 for n in range(weight.ndim)]


_BIASES: Final = ("diff_b", "b_norm", "up_bias")
ALGORITHMS: Final[Mapping[str, Callable[[LayerTensors, "Tensor"], "Tensor"]]] = MappingProxyType(
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
"""Algorithm → the function that computes the difference from a layer's tensors and the original weight."""
