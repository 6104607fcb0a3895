"""Each form's formula against a reference in float64 that shares no code with it."""

import numpy as np
import pytest
import torch

from studio.errors import ModelError
from studio.lora import algorithms
from studio.lora.formats.file import LoraFile
from tests.lora import lorafiles

SHAPES = [(8, 12), (12, 8), (8, 8), (8, 12, 3, 3), (8, 8, 1, 1)]


def layer(tensors, path):
    """A change's form and its tensors by role, as the studio reads them from a file."""
    from safetensors.torch import load_file

    named = {f"lora_unet_conv_in.{role}": values for role, values in tensors.items()}
    (found,) = LoraFile.read(path := lorafiles.written(path, named) and path).layers
    loaded = load_file(path)
    return found.algorithm, {role: loaded[name].double() for role, name in found.tensors.items()}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", lorafiles.FORMS)
def test_a_form_makes_of_a_weight_what_its_authors_say(name, shape, tmp_path):
    own = np.random.default_rng(5).standard_normal(shape)
    tensors = lorafiles.as_float32(lorafiles.FORMS[name](lorafiles.Maker(3), own))
    form, of = layer(tensors, tmp_path / "one.safetensors")
    made = algorithms.weight_delta(form, of, torch.from_numpy(own)).numpy()
    expected = lorafiles.merged(tensors, own, 1.0) - own
    assert np.abs(expected).max() > 0.01
    assert np.abs(made - expected).max() < 1e-7 * np.abs(own).max() + 1e-12
    if pair := algorithms.low_rank_factors(form, of):
        assert np.allclose((pair[0] @ pair[1]).numpy().reshape(shape), expected)


def test_the_first_versions_of_glora_have_their_factors_the_other_way_round():
    own = np.random.default_rng(5).standard_normal((8, 12))
    new = lorafiles.glora(lorafiles.Maker(3), own)
    other = {"a1": "a2", "a2": "a1", "b1": "b2", "b2": "b1"}
    of = {name: torch.from_numpy(new[f"{other[name]}.weight"]) for name in other} | {"alpha": torch.tensor(2.0)}
    made = algorithms.weight_delta("glora", of, torch.from_numpy(own)).numpy()
    assert np.allclose(made, lorafiles.merged(new, own, 1.0) - own)


@pytest.mark.parametrize(("alpha", "scale"), [(None, 1), (0.0, 0), (8.0, 2), (1.0, 0.25), (-4.0, -1)])
def test_alpha_is_divided_by_the_rank_and_none_is_the_rank(alpha, scale):
    of = {"up": torch.ones(3, 4), "down": torch.ones(4, 2)} | ({} if alpha is None else {"alpha": torch.tensor(alpha)})
    assert torch.equal(algorithms.weight_delta("lora", of, torch.zeros(3, 2)), torch.full((3, 2), 4.0 * scale))


def test_the_alpha_of_a_whole_lokr_says_nothing_not_even_infinity():
    of = {"w1": torch.ones(1, 2), "w2": torch.ones(3, 1), "alpha": torch.tensor(float("inf"))}
    assert torch.equal(algorithms.weight_delta("lokr", of, torch.zeros(3, 2)), torch.ones(3, 2))


def test_elsewhere_an_alpha_that_is_no_number_is_refused():
    of = {"up": torch.ones(3, 4), "down": torch.ones(4, 2), "alpha": torch.tensor(float("inf"))}
    with pytest.raises(ModelError, match="alpha of inf"):
        algorithms.weight_delta("lora", of, torch.zeros(3, 2))


def test_an_unknown_form_is_refused_by_name():
    with pytest.raises(ModelError, match="'vera'"):
        algorithms.weight_delta("vera", {}, torch.zeros(3, 2))


def test_lengths_of_zero_make_no_hole_of_a_weight_of_nothing():
    of = {"up": torch.zeros(3, 4), "down": torch.zeros(4, 2), "dora_scale": torch.zeros(3, 1)}
    assert torch.equal(algorithms.weight_delta("lora", of, torch.zeros(3, 2)), torch.zeros(3, 2))
