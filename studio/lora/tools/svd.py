"""Matrices as products of two thin ones: the best there are of a rank, by singular values (Eckart and Young, 1936).

All of it in float64. Energy is the sum of squares of all numbers, which is that of the singular values.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studio.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

_NOISE: Final = 1e-16  # a share of the largest energy below which one is the rounding of float64


@dataclass(frozen=True)
class Choice:
    """How many singular values are kept: at most ``rank``, and no more than hold the share ``keep`` of the energy.

    Raises InputError for a rank below 1, or a share that is not above 0 and at most 1.
    """

    rank: int | None = None
    keep: float = 1.0

    def __post_init__(self) -> None:
        if self.rank is not None and self.rank < 1:
            raise InputError(f"a rank of {self.rank} keeps nothing; give 1 or more")
        if not 0 < self.keep <= 1:
            raise InputError(f"a share of {self.keep:g} cannot be kept; give one above 0, at most 1, such as 0.95")

    def count(self, energies: "Tensor") -> int:
        """Of energies in falling order; at least 1."""
        held = energies.cumsum(0)
        enough = int((held < self.keep * held[-1]).sum()) + 1
        return min(enough, self.rank or enough, len(energies))


@dataclass(frozen=True)
class Product:
    """``up`` (out, rank) times ``down`` (rank, in), both of the same size; ``kept`` of the matrix's ``energy``."""

    up: "Tensor"
    down: "Tensor"
    energy: float
    kept: float

    @property
    def rank(self) -> int:
        return len(self.down)

    @property
    def share(self) -> float:
        """Of the energy, that which is kept."""
        return self.kept / self.energy if self.energy else 1.0


def of_matrix(whole: "Tensor", choice: Choice) -> Product:
    """A matrix (out, in), projected on its foremost singular vectors.

    These are the eigenvectors of the matrix times itself on its shorter side, which takes a fraction of the time of
    an SVD; that the small singular values come out inexactly is no matter, since what is projected is the matrix.
    """
    import torch

    whole = whole.double()
    wide = whole if whole.shape[0] <= whole.shape[1] else whole.T
    rising, vectors = torch.linalg.eigh(wide @ wide.T)
    energies = rising.flip(0).clamp(min=0)
    rank = choice.count(energies)
    side = vectors.flip(1)[:, :rank]
    first, second = _balanced(side, side.T @ wide, energies[:rank].sqrt())
    up, down = (first, second) if wide is whole else (second.T, first.T)
    return Product(up, down, float(energies.sum()), float(energies[:rank].sum()))


def of_product(up: "Tensor", down: "Tensor", choice: Choice) -> Product:
    """The same of a matrix that is a product (out, n) · (n, in) already; the matrix itself is never built.

    QR of both factors leaves a core of n by n, which has the singular values of the whole.
    """
    import torch

    left, core_left = torch.linalg.qr(up.double())
    right, core_right = torch.linalg.qr(down.double().T)
    turned, values, back = torch.linalg.svd(core_left @ core_right.T, full_matrices=False)
    energies = values**2
    rank = choice.count(energies)
    first, second = left @ turned[:, :rank], values[:rank, None] * back[:rank] @ right.T
    return Product(*_balanced(first, second, values[:rank]), float(energies.sum()), float(energies[:rank].sum()))


def _balanced(first: "Tensor", second: "Tensor", values: "Tensor") -> "tuple[Tensor, Tensor]":
    """The size of the singular values, which ``second`` has, shared by both: half precision then holds them best."""
    floor = float(values.max()) * _NOISE**0.5
    scale = values.clamp(min=floor).sqrt() if floor else values + 1
    return first * scale, second / scale[:, None]
