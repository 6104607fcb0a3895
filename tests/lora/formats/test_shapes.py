import random

import pytest

from studio.lora.formats import key_suffixes
from studio.lora.formats.file import Change
from studio.lora.formats.shapes import suits
from tests.lora import files

WEIGHTS = [(8, 12), (8, 12, 1, 1), (8, 12, 3, 3)]


def told(tensors):
    """Form and shapes by role, as a file tells them."""
    found = {key_suffixes.told(f"a.{end}"): tuple(tensor.shape) for end, tensor in tensors.items()}
    form = next(each.form for each in found if each.form)
    return change(form, {each.role: shape for each, shape in found.items()})


def change(form, shapes, **besides):
    return Change("a", form, {role: role for role in shapes}, shapes, **besides)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_each_form_suits_the_weight_it_was_made_for_and_no_other(weight):
    for name, tensors in files.forms(weight).items():
        made = told(tensors)
        assert suits(made, weight, (8,)), name
        for other in ((24, 12, *weight[2:]), (8, 36, *weight[2:])):
            blind = made.form in {"oft", "ia3"} and other[0] == 8  # they touch rows alone
            assert suits(made, other, (8,)) == blind, (name, other)


@pytest.mark.parametrize("weight", WEIGHTS[:2])
def test_a_convolution_of_one_pixel_is_a_linear_layer(weight):
    other = WEIGHTS[1 - WEIGHTS.index(weight)]
    for name, tensors in files.forms(weight).items():
        if name not in {"locon", "loha, tucker"}:
            assert suits(told(tensors), other, (8,)), name


def test_both_orders_of_glora_are_known():
    old = {"a1": (2, 12), "a2": (12, 2), "b1": (2, 12), "b2": (8, 2)}
    new = {"a1": (12, 2), "a2": (2, 12), "b1": (8, 2), "b2": (2, 12)}
    assert suits(change("glora", old), (8, 12), None)
    assert suits(change("glora", new), (8, 12), None)
    assert suits(change("glora", new | {"b2": (2, 12, 3, 3)}), (8, 12, 3, 3), None)
    assert not suits(change("glora", old | {"a2": (2, 12)}), (8, 12), None)


def test_a_bias_that_is_not_there_cannot_be_changed():
    assert suits(change("full", {"diff_b": (8,)}), (8, 12), (8,))
    assert not suits(change("full", {"diff_b": (8,)}), (8, 12), None)
    assert not suits(change("norm", {"w_norm": (8,), "b_norm": (8,)}), (8,), None)


def test_the_side_that_is_scaled_counts():
    for on_input, weight in ((False, (8, 12)), (True, (12, 8, 3, 3))):
        assert suits(change("ia3", {"weight": (8,), "on_input": ()}, on_input=on_input), weight, None)
        assert not suits(change("ia3", {"weight": (8,), "on_input": ()}, on_input=not on_input), weight, None)


def test_magnitudes_are_as_many_as_rows_or_columns():
    shapes = {"up": (8, 2), "down": (2, 12)}
    for fits, magnitudes in ((True, (8, 1)), (True, (1, 12)), (True, (8,)), (False, (9, 1)), (False, (1,))):
        assert suits(change("lora", shapes | {"dora_scale": magnitudes}), (8, 12), None) == fits


def test_whatever_the_shapes_the_answer_is_plain():
    dice = random.Random(0)
    needed = {
        form: sorted({role for of, role in key_suffixes.ENDS.values() if of == form}) for form in key_suffixes.FORMS
    }
    for _ in range(20_000):
        form = dice.choice(key_suffixes.FORMS)
        chosen = {role for role in needed[form] if dice.random() < 0.8}
        shapes = {role: tuple(dice.choice((1, 2, 3, 8, 12)) for _ in range(dice.randrange(5))) for role in chosen}
        if key_suffixes.complete(form, chosen) and all(
            key_suffixes.can_be(form, role, shape) for role, shape in shapes.items()
        ):
            assert suits(change(form, shapes), dice.choice([*WEIGHTS, (8,)]), dice.choice([(8,), None])) in {
                True,
                False,
            }
