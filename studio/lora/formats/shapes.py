"""Whether the tensors of a layer have the shapes that the module's weight requires."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Final

from studio.families import Shape, Shapes
from studio.lora.formats.file import LoraLayer


def fits(layer: LoraLayer, weight: Shape, bias: Shape | None) -> bool:
    """Whether a layer of a LoRA can be applied to a weight and a bias of these shapes.

    A weight is that of a linear layer (out, in), of a convolution (out, in, height, width) or of a norm (channels,).
    """
    shapes, sides = layer.shapes, (weight[0], prod(weight[1:2]))
    if layer.algorithm == "ia3":
        return prod(shapes["weight"]) == sides[layer.on_input]
    return prod(shapes.get("dora_scale", weight[:1])) in sides and _FITS[layer.algorithm](shapes, weight, bias)


def _lora(shapes: Shapes, weight: Shape, bias: Shape | None) -> bool:
    if shapes.get("up_bias", bias) != bias:
        return False
    up, down, mid = shapes["up"], shapes["down"], shapes.get("mid")
    if len(weight) < 2 or min(len(up), len(down)) < 2 or prod(up[2:]) != 1 or up[0] != weight[0]:
        return False
    if mid is None:
        return down[0] == up[1] and _spans(down, weight)
    return prod(down[1:]) == weight[1] and mid == (up[1], down[0], *weight[2:])


def _spans(down: Shape, weight: Shape) -> bool:
    """Whether a matrix has the inputs of the weight: with a convolution's dimensions, or flattened."""
    return _bare(down[1:]) == _bare(weight[1:]) or down[1:] == (prod(weight[1:]),)


def _bare(shape: Shape) -> Shape:
    """Without trailing ones: a 1x1 convolution is a linear layer."""
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _loha(shapes: Shapes, weight: Shape, _bias: Shape | None) -> bool:
    return len(weight) > 1 and all(
        _product(shapes[f"w{n}_a"], shapes[f"w{n}_b"], shapes.get(f"t{n}"), weight) for n in (1, 2)
    )


def _product(a: Shape, b: Shape, tucker: Shape | None, weight: Shape) -> bool:
    """(out, rank) times (rank, in · height · width); with a core of (rank, rank, height, width) between them, (rank,
    out) and (rank, in).
    """
    if tucker is None:
        return a == (weight[0], b[0]) and b[1:] == (prod(weight[1:]),)
    return a == (tucker[0], weight[0]) and b == (tucker[1], weight[1]) and tucker[2:] == weight[2:]


def _lokr(shapes: Shapes, weight: Shape, _bias: Shape | None) -> bool:
    """The Kronecker product of a matrix and one of the remaining size."""
    if len(weight) < 2:
        return False
    first = shapes.get("w1") or (shapes["w1_a"][0], shapes["w1_b"][-1])
    if len(first) != 2 or weight[0] % first[0] or weight[1] % first[1]:
        return False
    left = (weight[0] // first[0], weight[1] // first[1], *weight[2:])
    if "w1" not in shapes and (shapes["w1_a"], shapes["w1_b"]) != (
        (first[0], rank := shapes["w1_b"][0]),
        (rank, first[1]),
    ):
        return False
    if "w2" in shapes:
        return _bare(shapes["w2"]) == _bare(left)
    return _product(shapes["w2_a"], shapes["w2_b"], shapes.get("t2"), left)


def _oft(shapes: Shapes, weight: Shape, _bias: Shape | None) -> bool:
    """Blocks (…, number, size, size) that rotate the rows, or several sets of them for parts of the rows."""
    if "blocks" not in shapes:
        parts = [shapes[kind] for kind in shapes if kind.startswith("blocks_")]
        return all(len(part) == 3 and part[1] == part[2] for part in parts) and weight[0] == sum(
            part[0] * part[1] for part in parts
        )
    blocks = shapes["blocks"]
    rescale = shapes.get("rescale", (weight[0],))
    square = len(blocks) in {3, 4} and blocks[-1] == blocks[-2] and blocks[-3] * blocks[-1] == weight[0]
    return square and prod(rescale) == weight[0]


def _glora(shapes: Shapes, weight: Shape, _bias: Shape | None) -> bool:
    """Two products, one of which is applied to the inputs, in the order first published or in LyCORIS' present one."""
    a1, a2, b1, b2 = (_bare(shapes[kind]) for kind in ("a1", "a2", "b1", "b2"))
    return any(
        len(weight) > 1
        and (inward, outward) == ((rank, weight[1]), (weight[1], rank))
        and (_spans(down, weight), up) == (True, (weight[0], rank))
        and down[0] == rank
        for inward, outward, down, up in ((a1, a2, b1, b2), (a2, a1, b2, b1))
        for rank in up[1:2]
    )


def _full(shapes: Shapes, weight: Shape, bias: Shape | None) -> bool:
    return _bare(shapes.get("diff", weight)) == _bare(weight) and shapes.get("diff_b", bias) == bias


def _norm(shapes: Shapes, weight: Shape, bias: Shape | None) -> bool:
    return shapes.get("w_norm", weight) == weight and shapes.get("b_norm", bias) == bias


_FITS: Final[Mapping[str, Callable[[Shapes, Shape, Shape | None], bool]]] = {
    "lora": _lora,
    "loha": _loha,
    "lokr": _lokr,
    "oft": _oft,
    "glora": _glora,
    "full": _full,
    "norm": _norm,
}
