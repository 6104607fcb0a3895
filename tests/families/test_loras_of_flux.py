"""LoRAs of FLUX.1 as other programs name them, held against the same merged by hand in float64."""

import numpy as np
import pytest

from studio.errors import InputError, ModelError
from studio.lora.formats.key_mapping import ModuleIndex
from studio.models.parameter_index import parameters
from studio.parameters.conditioning import Guide
from studio.prompts.lora import Lora
from tests.families.columns import Model
from tests.lora import lorafiles

STRENGTH = 0.6
BLOCK, SINGLE = "transformer_blocks.0", "single_transformer_blocks.0"
PICTURE = [f"{BLOCK}.attn.to_{part}" for part in "qkv"]
TEXT = [f"{BLOCK}.attn.add_{part}_proj" for part in "qkv"]
FUSED = [*(f"{SINGLE}.attn.to_{part}" for part in "qkv"), f"{SINGLE}.proj_mlp"]


@pytest.fixture(scope="module")
def model(card):
    return Model(card("flux1"))


@pytest.fixture
def becomes(model, tmp_path):
    """Wears a file of these tensors and holds the denoiser's parameters against those that were expected."""

    def worn(tensors, expected):
        pipeline = model.pipelines.get(model.card, model.task)
        before = state(pipeline)
        lora = lorafiles.written(tmp_path / "x.safetensors", tensors)
        model.pipelines.loras.stack(model.card, pipeline, Guide(loras=(Lora(lora, STRENGTH),))).apply()
        after = state(pipeline)
        model.pipelines.loras.restore(model.card, pipeline)
        for name, own in before.items():
            right = expected.get(name, own)
            assert np.abs(after[name] - right).max() < 1e-5 * max(1, np.abs(right).max()), name
            assert name not in expected or np.abs(after[name] - own).max() > 1e-3, name

    return worn


def state(pipeline):
    return {name: value.detach().double().numpy() for name, value in pipeline.transformer.state_dict().items()}


@pytest.fixture
def own(model):
    return state(model.pipelines.get(model.card, model.task))


@pytest.fixture
def numbers():
    return lorafiles.Maker(seed=1).numbers


def in_parts(own, modules, made, kind="weight"):
    """The rows of a fused module's new value by the modules that they belong to."""
    ends = np.cumsum([len(own[f"{module}.{kind}"]) for module in modules])
    return {f"{name}.{kind}": rows for name, rows in zip(modules, np.split(made, ends[:-1]), strict=True)}


def together(own, modules, kind="weight"):
    return np.concatenate([own[f"{module}.{kind}"] for module in modules])


def test_xlabs(becomes, own, numbers):
    names = {"qkv_lora1": PICTURE, "qkv_lora2": TEXT,
             "proj_lora1": [f"{BLOCK}.attn.to_out.0"], "proj_lora2": [f"{BLOCK}.attn.to_add_out"]}  # fmt: skip
    tensors, expected = {}, {}
    for name, modules in names.items():
        whole = together(own, modules)
        up, down = numbers(len(whole), 4), numbers(4, whole.shape[1])
        begin = f"double_blocks.0.processor.{name}"
        tensors |= {f"{begin}.up.weight": up, f"{begin}.down.weight": down}
        expected |= in_parts(own, modules, whole + STRENGTH * up @ down)
    becomes(tensors, expected)


def test_omi(becomes, own, numbers):
    names = {"double_blocks.0.img_attn.qkv": PICTURE, "double_blocks.0.txt_attn.qkv": TEXT,
             "single_blocks.0.linear1": FUSED}  # fmt: skip
    tensors, expected = {}, {}
    for name, modules in names.items():
        for place, module in enumerate(modules):
            weight = own[f"{module}.weight"]
            made = {"lora_up.weight": numbers(len(weight), 4), "lora_down.weight": numbers(4, weight.shape[1]),
                    "alpha": np.array(2.0)}  # fmt: skip
            tensors |= {f"transformer.{name}.{place}.{role}": values for role, values in made.items()}
            expected[f"{module}.weight"] = lorafiles.merged(made, weight, STRENGTH)
    becomes(tensors, expected)


@pytest.mark.parametrize("limit", [0.0005, 1.0])
def test_kohyas_oft_turns_each_part_of_a_fused_module(becomes, own, numbers, limit):
    names = {"double_blocks_0_img_attn_qkv": PICTURE, "single_blocks_0_linear1": FUSED,
             "double_blocks_0_img_mlp_0": [f"{BLOCK}.ff.net.0.proj"]}  # fmt: skip
    tensors, expected = {}, {}
    for name, modules in names.items():
        tensors[f"oft_unet_{name}.alpha"] = np.array(limit)
        for place, module in enumerate(modules):
            weight = own[f"{module}.weight"]
            blocks = numbers(4, len(weight) // 4, len(weight) // 4, size=0.2)
            tensors[f"oft_unet_{name}.oft_blocks.{place}"] = blocks
            made = {"oft_blocks": blocks, "alpha": np.array(limit)}
            expected[f"{module}.weight"] = lorafiles.merged(made, weight, STRENGTH)
    becomes(tensors, expected)


def test_pefts_bias_is_as_strong_as_its_matrices(becomes, own, numbers):
    tensors, expected = {}, {}
    for name, modules in {"double_blocks.0.img_attn.qkv": PICTURE, "double_blocks.0.txt_attn.proj":
                          [f"{BLOCK}.attn.to_add_out"]}.items():  # fmt: skip
        whole, bias = together(own, modules), together(own, modules, "bias")
        made = {"lora_B.weight": numbers(len(whole), 4), "lora_A.weight": numbers(4, whole.shape[1]),
                "lora_B.bias": numbers(len(whole)), "alpha": np.array(2.0)}  # fmt: skip
        tensors |= {f"{name}.{role}": values for role, values in made.items()}
        delta = 0.5 * made["lora_B.weight"] @ made["lora_A.weight"]
        expected |= in_parts(own, modules, whole + STRENGTH * delta)
        expected |= in_parts(own, modules, bias + STRENGTH * 0.5 * made["lora_B.bias"], "bias")
    becomes(tensors, expected)


def test_parts_that_are_missing_of_an_oft_do_not_fit(becomes, own, numbers):
    blocks = numbers(4, 8, 8)
    tensors = {f"oft_unet_double_blocks_0_img_attn_qkv.oft_blocks.{n}": blocks for n in (0, 2)}
    with pytest.raises((InputError, ModelError), match="does not fit"):
        becomes(tensors, own)


def test_an_alpha_of_zero_changes_nothing(becomes, numbers):
    name = "lora_unet_double_blocks_0_img_attn_proj"
    becomes({f"{name}.lora_up.weight": numbers(32, 4), f"{name}.lora_down.weight": numbers(4, 32),
             f"{name}.alpha": np.array(0.0)}, {})  # fmt: skip


def test_the_refiners_only_text_encoder_is_found_under_the_name_of_a_first_one(card):
    refiner = card("sdxl_refiner")
    layer = "text_model_encoder_layers_0_mlp_fc1"
    (place,) = ModuleIndex.of(parameters(refiner), refiner.family).find(f"lora_te_{layer}")
    assert (place.component, place.module) == ("text_encoder_2", "text_model.encoder.layers.0.mlp.fc1")
