"""Writes a LoRA file from what each parameter of a model gains by it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import InputError, ModelError
from studio.families import Shape
from studio.files.atomic_write import new_path
from studio.lora.formats.lora_keys import Namer
from studio.lora.patcher import ParameterKey
from studio.lora.tools.metadata_rewrite import with_hash_placeholder, write_hash
from studio.lora.tools.svd import LowRankProduct
from studio.tensors.finite import finite

if TYPE_CHECKING:
    import torch
    from torch import Tensor

ReportProgress = Callable[[int, int], None]
"""Called with how many parameters are done, of how many."""


@dataclass(frozen=True)
class ParameterDifference:
    """The difference of one parameter of this ``shape``: a low-rank product, or a tensor as it is.

    ``norm`` is whether its module is a norm.
    """

    key: ParameterKey
    shape: Shape
    value: "LowRankProduct | Tensor"
    norm: bool = False

    @property
    def module(self) -> str:
        return self.key[1].rpartition(".")[0]

    def tensors(self) -> "Iterator[tuple[str, Tensor]]":
        """Kind and tensor, without an alpha: then all programs take the product as it is, whatever its rank.

        With alphas of several sizes diffusers applies the wrong strength.
        """
        if not isinstance(self.value, LowRankProduct):
            yield self._kind(), self.value.reshape(self.shape)
            return
        yield "up", self.value.up.reshape(self.shape[0], -1, *(1 for _ in self.shape[2:]))
        yield "down", self.value.down.reshape(-1, *self.shape[1:])

    def _kind(self) -> str:
        if self.key[1].endswith(".bias"):
            return "b_norm" if self.norm else "diff_b"
        return "w_norm" if self.norm else "diff"


@dataclass(frozen=True)
class WrittenLora:
    """Statistics of a LoRA that was written.

    ``factored`` and ``whole`` count the parameters in factors and as they are. ``kept`` is the share of the energy that
    the factors keep, ``least`` the module that lost most with its own share, ``ranks`` are those of the factors.
    ``words`` are the embeddings of the source files, which are not included.
    """

    factored: int
    whole: int
    kept: float
    least: tuple[str, float]
    ranks: tuple[int, ...]
    words: tuple[str, ...] = ()


def write(
    out: Path,
    differences: Iterable[ParameterDifference],
    name: Namer,
    dtype: "torch.dtype",
    metadata: Mapping[str, str],
) -> WrittenLora:
    """Write a LoRA file atomically; a difference is kept only in the file's dtype once it has been computed.

    Raises InputError where there is no difference, or ``out`` exists or has another suffix; ModelError where a number
    is too large for the dtype.
    """
    from safetensors.torch import save

    check_name(out)
    with new_path(out) as partial:
        tensors: dict[str, Tensor] = {}
        totals = _Totals()
        for difference in differences:
            totals.add(difference)
            tensors |= _named(difference, name, dtype)
        if not tensors:
            raise InputError("there is no difference at all; nothing was written")
        partial.write_bytes(save(tensors, with_hash_placeholder(metadata)))
        write_hash(partial)
    return totals.written()


def check_name(out: Path) -> None:
    """Raise InputError unless this can be the name of a new safetensors file."""
    if out.suffix != ".safetensors":
        raise InputError(f"'{out}' must be the name of a new file that ends in .safetensors")
    if out.exists():
        raise InputError(f"'{out}' is there already; nothing was written: give another name")


def _named(difference: ParameterDifference, name: Namer, dtype: "torch.dtype") -> "dict[str, Tensor]":
    found = {}
    for kind, tensor in difference.tensors():
        written = tensor.to(dtype).cpu().contiguous().clone()
        if not finite(written):
            raise ModelError(
                f"the difference of '{difference.module}' is not a number or too large for {dtype}; lower the weights"
            )
        found[name(difference.key[0], difference.module, kind)] = written
    return found


class _Totals:
    def __init__(self) -> None:
        self._energy = self._kept = 0.0
        self._whole, self._ranks = 0, list[int]()
        self._least = ("", 1.0)

    def add(self, difference: ParameterDifference) -> None:
        product = difference.value
        if not isinstance(product, LowRankProduct):
            self._whole += 1
            return
        self._energy += product.energy
        self._kept += product.kept
        self._ranks.append(product.rank)
        self._least = min(self._least, (difference.module, product.share), key=lambda named: named[1])

    def written(self) -> WrittenLora:
        share = self._kept / self._energy if self._energy else 1.0
        return WrittenLora(len(self._ranks), self._whole, share, self._least, tuple(self._ranks))
