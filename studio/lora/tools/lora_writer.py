"""What a LoRA that is written here gives to a parameter, as tensors of its file; and the file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import InputError, ModelError
from studio.families import Shape
from studio.files.atomic_write import new_path
from studio.lora.formats.written_names import Name
from studio.lora.patcher import Key
from studio.lora.tools import metadata_rewrite
from studio.lora.tools.svd import Product
from studio.tensors.finite import finite

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Watch = Callable[[int, int], None]
"""Told how many parameters are done, of how many."""


@dataclass(frozen=True)
class Gain:
    """What one parameter of this ``shape`` gains: a product, or all of it as it is.

    ``norm`` is whether its module is a norm.
    """

    key: Key
    shape: Shape
    what: "Product | Tensor"
    norm: bool = False

    @property
    def module(self) -> str:
        return self.key[1].rpartition(".")[0]

    def tensors(self) -> "Iterator[tuple[str, Tensor]]":
        """Role and tensor, without an alpha: then all programs take the product as it is, whatever its rank.

        With alphas of several sizes diffusers applies the wrong strength.
        """
        if not isinstance(self.what, Product):
            yield self._role(), self.what.reshape(self.shape)
            return
        yield "up", self.what.up.reshape(self.shape[0], -1, *(1 for _ in self.shape[2:]))
        yield "down", self.what.down.reshape(-1, *self.shape[1:])

    def _role(self) -> str:
        if self.key[1].endswith(".bias"):
            return "b_norm" if self.norm else "diff_b"
        return "w_norm" if self.norm else "diff"


@dataclass(frozen=True)
class Written:
    """A LoRA that was written: modules in factors and parameters whole, the share of the energy that the factors
    keep of what they stand for, the module that lost most with its own share, and the ranks. ``words`` were learned
    along with what it was made of, and are not in it.
    """

    factored: int
    whole: int
    kept: float
    least: tuple[str, float]
    ranks: tuple[int, ...]
    words: tuple[str, ...] = ()


def write(out: Path, gains: Iterable[Gain], name: Name, dtype: "torch.dtype", told: Mapping[str, str]) -> Written:
    """Write a LoRA file, whole or not at all; what has been made of a gain is kept in the file's precision only.

    Raises InputError where nothing is gained, or ``out`` is there or ends otherwise; ModelError where a number is too
    large for the precision.
    """
    from safetensors.torch import save

    check_name(out)
    with new_path(out) as begun:
        tensors: dict[str, Tensor] = {}
        account = _Account()
        for gain in gains:
            account.add(gain)
            tensors |= _named(gain, name, dtype)
        if not tensors:
            raise InputError("there is no difference at all; nothing was written")
        begun.write_bytes(save(tensors, metadata_rewrite.unsealed(told)))
        metadata_rewrite.seal(begun)
    return account.written()


def check_name(out: Path) -> None:
    """Raise InputError where this cannot be the name of a new safetensors file."""
    if out.suffix != ".safetensors":
        raise InputError(f"'{out}' must be the name of a new file that ends in .safetensors")
    if out.exists():
        raise InputError(f"'{out}' is there already; nothing was written: give another name")


def _named(gain: Gain, name: Name, dtype: "torch.dtype") -> "dict[str, Tensor]":
    found = {}
    for role, tensor in gain.tensors():
        written = tensor.to(dtype).cpu().contiguous().clone()
        if not finite(written):
            raise ModelError(f"what '{gain.module}' gains is no number or too large for {dtype}; lower the weights")
        found[name(gain.key[0], gain.module, role)] = written
    return found


class _Account:
    def __init__(self) -> None:
        self._energy = self._kept = 0.0
        self._whole, self._ranks = 0, list[int]()
        self._least = ("", 1.0)

    def add(self, gain: Gain) -> None:
        if not isinstance(gain.what, Product):
            self._whole += 1
            return
        self._energy += gain.what.energy
        self._kept += gain.what.kept
        self._ranks.append(gain.what.rank)
        self._least = min(self._least, (gain.module, gain.what.share), key=lambda named: named[1])

    def written(self) -> Written:
        share = self._kept / self._energy if self._energy else 1.0
        return Written(len(self._ranks), self._whole, share, self._least, tuple(self._ranks))
