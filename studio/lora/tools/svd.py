"""Matrices as products of two thin ones: the best approximation of a rank, by singular values (Eckart and Young, 1936).

All of it in float64. Energy is the sum of the squares of all numbers, which is that of the singular values.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studio.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

_NOISE: Final = 1e-16  # a share of the largest energy; smaller ones are rounding errors of float64


@dataclass(frozen=True)
class RankLimit:
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
        """How many of these energies, in descending order, are kept; at least 1."""
        held = energies.cumsum(0)
        enough = int((held < self.keep * held[-1]).sum()) + 1
        return min(enough, self.rank or enough, len(energies))


@dataclass(frozen=True)
class LowRankProduct:
    """``up`` (out, rank) times ``down`` (rank, in), of the same norm; ``kept`` is what it has of the ``energy``."""

    up: "Tensor"
    down: "Tensor"
    energy: float
    kept: float

    @property
    def rank(self) -> int:
        return len(self.down)

    @property
    def share(self) -> float:
        """The share of the energy that is kept."""
        return self.kept / self.energy if self.energy else 1.0


def factorise(matrix: "Tensor", limit: RankLimit) -> LowRankProduct:
    """A matrix (out, in), projected on its first singular vectors.

    These are the eigenvectors of the matrix times its transpose, on the shorter side, which takes a fraction of the
    time of an SVD. Small singular values are inexact then, which does not matter: the matrix itself is projected.
    """
    import torch

    matrix = matrix.double()
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    ascending, vectors = torch.linalg.eigh(wide @ wide.T)
    energies = ascending.flip(0).clamp(min=0)
    rank = limit.count(energies)
    side = vectors.flip(1)[:, :rank]
    first, second = _balanced(side, side.T @ wide, energies[:rank].sqrt())
    up, down = (first, second) if wide is matrix else (second.T, first.T)
    return LowRankProduct(up, down, float(energies.sum()), float(energies[:rank].sum()))


def refactorise(up: "Tensor", down: "Tensor", limit: RankLimit) -> LowRankProduct:
    """The same for a matrix that is a product (out, n) · (n, in) already; the matrix itself is never computed.

    QR of both factors leaves a core of n by n, which has the singular values of the whole.
    """
    import torch

    left, core_left = torch.linalg.qr(up.double())
    right, core_right = torch.linalg.qr(down.double().T)
    u, values, v = torch.linalg.svd(core_left @ core_right.T, full_matrices=False)
    energies = values**2
    rank = limit.count(energies)
    first, second = left @ u[:, :rank], values[:rank, None] * v[:rank] @ right.T
    energy, kept = float(energies.sum()), float(energies[:rank].sum())
    return LowRankProduct(*_balanced(first, second, values[:rank]), energy, kept)


def _balanced(first: "Tensor", second: "Tensor", values: "Tensor") -> "tuple[Tensor, Tensor]":
    """Share the size of the singular values, which ``second`` has, between both: that suits half precision best."""
    floor = float(values.max()) * _NOISE**0.5
    scale = values.clamp(min=floor).sqrt() if floor else values + 1
    return first * scale, second / scale[:, None]
