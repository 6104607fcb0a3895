import random

import pytest

from studio.lora.formats.file import LoraLayer
from studio.lora.formats.lora_keys import ALGORITHMS, SUFFIXES, parse_key
from studio.lora.formats.required_tensors import is_complete, is_possible_shape
from studio.lora.formats.shapes import fits
from tests.lora import files

WEIGHTS = [(8, 12), (8, 12, 1, 1), (8, 12, 3, 3)]


def read(tensors):
    """Algorithm and shapes by kind, as a file has them."""
    found = {parse_key(f"a.{end}"): tuple(tensor.shape) for end, tensor in tensors.items()}
    algorithm = next(each.algorithm for each in found if each.algorithm)
    return layer(algorithm, {each.kind: shape for each, shape in found.items()})


def layer(algorithm, shapes, **besides):
    return LoraLayer("a", algorithm, {kind: kind for kind in shapes}, shapes, **besides)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_each_form_suits_the_weight_it_was_made_for_and_no_other(weight):
    for name, tensors in files.forms(weight).items():
        made = read(tensors)
        assert fits(made, weight, (8,)), name
        for other in ((24, 12, *weight[2:]), (8, 36, *weight[2:])):
            blind = made.algorithm in {"oft", "ia3"} and other[0] == 8  # they touch rows alone
            assert fits(made, other, (8,)) == blind, (name, other)


@pytest.mark.parametrize("weight", WEIGHTS[:2])
def test_a_convolution_of_one_pixel_is_a_linear_layer(weight):
    other = WEIGHTS[1 - WEIGHTS.index(weight)]
    for name, tensors in files.forms(weight).items():
        if name not in {"locon", "loha, tucker"}:
            assert fits(read(tensors), other, (8,)), name


def test_both_orders_of_glora_are_known():
    old = {"a1": (2, 12), "a2": (12, 2), "b1": (2, 12), "b2": (8, 2)}
    new = {"a1": (12, 2), "a2": (2, 12), "b1": (8, 2), "b2": (2, 12)}
    assert fits(layer("glora", old), (8, 12), None)
    assert fits(layer("glora", new), (8, 12), None)
    assert fits(layer("glora", new | {"b2": (2, 12, 3, 3)}), (8, 12, 3, 3), None)
    assert not fits(layer("glora", old | {"a2": (2, 12)}), (8, 12), None)


def test_a_bias_that_is_not_there_cannot_be_changed():
    assert fits(layer("full", {"diff_b": (8,)}), (8, 12), (8,))
    assert not fits(layer("full", {"diff_b": (8,)}), (8, 12), None)
    assert not fits(layer("norm", {"w_norm": (8,), "b_norm": (8,)}), (8,), None)


def test_the_side_that_is_scaled_counts():
    for on_input, weight in ((False, (8, 12)), (True, (12, 8, 3, 3))):
        assert fits(layer("ia3", {"weight": (8,), "on_input": ()}, on_input=on_input), weight, None)
        assert not fits(layer("ia3", {"weight": (8,), "on_input": ()}, on_input=not on_input), weight, None)


def test_magnitudes_are_as_many_as_rows_or_columns():
    shapes = {"up": (8, 2), "down": (2, 12)}
    for fitting, magnitudes in ((True, (8, 1)), (True, (1, 12)), (True, (8,)), (False, (9, 1)), (False, (1,))):
        assert fits(layer("lora", shapes | {"dora_scale": magnitudes}), (8, 12), None) == fitting


def test_whatever_the_shapes_the_answer_is_plain():
    dice = random.Random(0)
    needed = {
        algorithm: sorted({kind for of, kind in SUFFIXES.values() if of == algorithm}) for algorithm in ALGORITHMS
    }
    for _ in range(20_000):
        algorithm = dice.choice(ALGORITHMS)
        chosen = {kind for kind in needed[algorithm] if dice.random() < 0.8}
        shapes = {kind: tuple(dice.choice((1, 2, 3, 8, 12)) for _ in range(dice.randrange(5))) for kind in chosen}
        if is_complete(algorithm, chosen) and all(
            is_possible_shape(algorithm, kind, shape) for kind, shape in shapes.items()
        ):
            assert fits(layer(algorithm, shapes), dice.choice([*WEIGHTS, (8,)]), dice.choice([(8,), None])) in {
                True,
                False,
            }
