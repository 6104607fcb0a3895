"""Which tensors each algorithm needs for a module, and which shapes they can have at all."""

from collections.abc import Collection
from typing import Final

from studio.families import Shape

_REQUIRED: Final = {  # a module must have all tensors of one of these sets
    "lora": ({"up", "down"},),
    "loha": ({"w1_a", "w1_b", "w2_a", "w2_b"},),
    "lokr": tuple({*first, *second} for first in ({"w1"}, {"w1_a", "w1_b"}) for second in ({"w2"}, {"w2_a", "w2_b"})),
    "oft": ({"blocks"}, {"blocks_0"}),
    "ia3": ({"weight", "on_input"},),
    "glora": ({"a1", "a2", "b1", "b2"},),
    "full": ({"diff"}, {"diff_b"}),
    "norm": ({"w_norm"}, {"b_norm"}),
}
_PAIRS: Final = {"loha": ({"t1", "t2"},), "lokr": ({"w1_a", "w1_b"}, {"w2_a", "w2_b"})}  # both or neither
_VECTORS: Final = frozenset({"rescale", "up_bias"})
_WITH_MATRICES: Final = frozenset({"lora", "loha", "lokr", "oft", "glora"})


def is_complete(algorithm: str, kinds: Collection[str]) -> bool:
    """Whether these kinds of tensors are all that the algorithm needs for a module."""
    paired = all(len(pair & {*kinds}) in {0, len(pair)} for pair in _PAIRS.get(algorithm, ()))
    return paired and any(required <= {*kinds} for required in _REQUIRED[algorithm])


def is_possible_shape(algorithm: str, kind: str, shape: Shape) -> bool:
    """Whether a tensor of this kind can have the shape: none is empty, and matrices have two dimensions or more."""
    return min(shape, default=1) > 0 and (len(shape) > 1 or algorithm not in _WITH_MATRICES or kind in _VECTORS)
