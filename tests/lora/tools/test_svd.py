import numpy as np
import pytest
import torch

from studio.errors import InputError
from studio.lora.tools.svd import RankLimit, factorise, refactorise


def falling(rows, columns, seed=0):
    """A matrix whose singular values fall over six orders of magnitude, as those of learned differences do."""
    random = np.random.default_rng(seed)
    matrix = random.standard_normal((rows, columns))
    return matrix * np.logspace(0, -6, columns)


def best(matrix, rank):
    """The smallest error that a matrix of this rank can have, and the share of the energy it holds."""
    values = np.linalg.svd(matrix, compute_uv=False)
    return np.sqrt((values[rank:] ** 2).sum()), (values[:rank] ** 2).sum() / (values**2).sum()


def error(found, matrix):
    return np.linalg.norm((found.up @ found.down).numpy() - matrix)


@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (50, 50)])
@pytest.mark.parametrize("rank", [1, 5, 20])
def test_no_matrix_of_the_rank_is_nearer(shape, rank):
    matrix = falling(*shape)
    found = factorise(torch.from_numpy(matrix), RankLimit(rank))
    least, share = best(matrix, rank)
    assert (found.up.shape, found.down.shape) == ((shape[0], rank), (rank, shape[1]))
    assert error(found, matrix) == pytest.approx(least, rel=1e-6)
    assert found.share == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize(("rows", "inner", "columns"), [(60, 12, 80), (8, 20, 90), (90, 20, 8)])
@pytest.mark.parametrize("rank", [1, 4, 7])
def test_nor_where_the_matrix_is_a_product(rows, inner, columns, rank):
    up, down = falling(rows, inner, 1), falling(inner, columns, 2)
    found = refactorise(torch.from_numpy(up), torch.from_numpy(down), RankLimit(rank))
    least, share = best(up @ down, rank)
    assert (found.up.shape, found.down.shape) == ((rows, rank), (rank, columns))
    assert error(found, up @ down) == pytest.approx(least, rel=1e-6)
    assert found.share == pytest.approx(share, rel=1e-9)


def test_as_many_ranks_as_hold_the_share():
    matrix = falling(40, 60)
    for keep in (0.5, 0.9, 0.99, 0.9999):
        found = factorise(torch.from_numpy(matrix), RankLimit(keep=keep))
        assert best(matrix, found.rank - 1)[1] < keep <= best(matrix, found.rank)[1]
    assert factorise(torch.from_numpy(matrix), RankLimit(2, 0.9999)).rank == 2


def test_all_of_it_is_the_matrix_itself():
    matrix = falling(30, 20)
    found = factorise(torch.from_numpy(matrix), RankLimit())
    assert error(found, matrix) < 1e-12 * np.linalg.norm(matrix)
    up, down = torch.from_numpy(falling(30, 4)), torch.from_numpy(falling(4, 20))
    assert refactorise(up, down, RankLimit(9)).rank == 4


def test_both_factors_are_of_one_size():
    found = factorise(1000 * torch.from_numpy(falling(30, 20)), RankLimit(8))
    assert torch.allclose(torch.linalg.vector_norm(found.up, dim=0), torch.linalg.vector_norm(found.down, dim=1))


def test_nothing_is_a_product_too():
    for found in (
        factorise(torch.zeros(4, 5), RankLimit(3)),
        refactorise(torch.zeros(4, 2), torch.zeros(2, 5), RankLimit(3)),
    ):
        assert (found.rank, found.share, float((found.up @ found.down).abs().max())) == (1, 1.0, 0.0)


@pytest.mark.parametrize(
    ("asked", "message"), [((0,), "rank of 0"), ((1, 0.0), "share of 0"), ((1, 95), "share of 95")]
)
def test_what_keeps_nothing_is_refused(asked, message):
    with pytest.raises(InputError, match=message):
        RankLimit(*asked)
