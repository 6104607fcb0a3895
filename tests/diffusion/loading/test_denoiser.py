"""A denoiser from a file in its makers' layout is the one that diffusers saved, tensor for tensor."""

import numpy as np
import pytest
import torch
from diffusers.loaders import single_file_utils as theirs
from safetensors.torch import save_file

from studio.diffusion.loading import denoiser
from studio.diffusion.loading.denoiser import diffusers_names
from studio.errors import ModelError
from studio.families.base.state_dict_keys import StateDictKeys
from studio.models import folder
from studio.models.card import ModelCard
from tests.families import makers, tiny
from tests.families.columns import Model

BUILT_HERE = [name for name in tiny.BUILDERS if not name.startswith(("sd1", "sd2", "sdxl", "kandinsky3"))]
FLUX = {"num_attention_heads": 24, "attention_head_dim": 128}
LUMINA = {"hidden_size": 2304, "num_attention_heads": 24, "num_kv_heads": 8}


def whole(card):
    """The class and the configuration of a folder's denoiser."""
    kind = denoiser.class_of(*folder.components(card.path)["transformer"])
    return kind, kind.load_config(card.path / "transformer")


@pytest.fixture
def written(card, tmp_path):
    """The card of a tiny model's single file, and the denoiser it was written from."""

    def write(name, prefix="", change=lambda tensors: tensors):
        base = card(name)
        model = whole(base)[0].from_pretrained(base.path / "transformer")
        tensors = change(makers.tensors(base.family.name, model))
        save_file({prefix + key: each.contiguous() for key, each in tensors.items()}, tmp_path / "x.safetensors")
        return ModelCard.read(tmp_path / "x.safetensors", base.path), model

    return write


@pytest.mark.parametrize("name", BUILT_HERE)
def test_every_tensor_comes_back(name, written):
    single, model = written(name)
    built = denoiser.build(single, single.base, torch.float32)
    assert not built.training
    state = model.state_dict()
    assert built.state_dict().keys() == state.keys()
    assert all(torch.equal(tensor, state[key]) for key, tensor in built.state_dict().items())


@pytest.mark.parametrize(
    ("name", "convert", "wide"),
    [
        ("flux1", theirs.convert_flux_transformer_checkpoint_to_diffusers, FLUX),
        ("chroma", theirs.convert_chroma_transformer_checkpoint_to_diffusers, FLUX),
        ("flux2", theirs.convert_flux2_transformer_checkpoint_to_diffusers, {}),
        ("sd3_medium", theirs.convert_sd3_transformer_checkpoint_to_diffusers, {}),
        ("lumina2", theirs.convert_lumina2_to_diffusers, LUMINA),
        ("z_image", theirs.convert_z_image_transformer_checkpoint_to_diffusers, {}),
        ("auraflow", theirs.convert_auraflow_transformer_checkpoint_to_diffusers, {}),
        ("sana", theirs.convert_sana_transformer_to_diffusers, {}),
    ],
)
def test_diffusers_puts_them_in_the_same_places(name, convert, wide, card):
    """Held against its own converters, at the widths some have wired in; of each row of a weight, one number."""
    family, kind, config = card(name).family, *whole(card(name))
    with torch.device("meta"):
        model = kind.from_config(config | wide)
    rows = {key: len(tensor) for key, tensor in makers.tensors(family.name, model).items()}
    made = {key: torch.rand(count, *[1] * key.endswith("weight")) for key, count in rows.items()}
    found, known = denoiser.to_diffusers(made, family.detection.state_dict_keys, model), convert(dict(made))
    assert found.keys() == known.keys()
    assert all(torch.equal(tensor, known[key]) for key, tensor in found.items())


def test_a_name_may_stand_for_several_or_for_nothing():
    names = StateDictKeys({"blocks.*.qkv": "layers.*.to_{q,k}", "block": "never"}, unused=("norm",))
    assert diffusers_names("blocks.12.qkv.weight", names) == ["layers.12.to_q.weight", "layers.12.to_k.weight"]
    assert diffusers_names("norm.weight", names) == []
    assert diffusers_names("norms.1.scale", names) == ["norms.1.weight"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda tensors: {k: v for k, v in tensors.items() if "vector_in" not in k},
            "lacks '.*text_embedder.*' and 3 more",
        ),
        (lambda tensors: tensors | {"surprise": torch.zeros(1)}, "has the unexpected 'surprise'; take the folder"),
        (lambda tensors: tensors | {"img_in.bias": torch.zeros(1)}, "has another size for 'x_embedder.bias'"),
        (
            lambda tensors: tensors | {"single_blocks.0.linear1.bias": torch.zeros(1)},
            "has another size for .* and 3 more",
        ),
    ],
)
def test_what_does_not_fit_is_named(written, change, says):
    single, _ = written("flux1", change=change)
    with pytest.raises(ModelError, match=f"x.safetensors' do not fit the FLUX.1 in .*: the file {says}"):
        denoiser.build(single, single.base, torch.float32)


def test_weights_are_cast_to_the_precision_asked_for(written):
    single, model = written("qwen_image")
    built = denoiser.build(single, single.base, torch.bfloat16)
    assert {tensor.dtype for tensor in built.state_dict().values()} == {torch.bfloat16}
    assert torch.equal(built.proj_out.weight, model.proj_out.weight.bfloat16())


def test_plain_fp8_weights_are_what_they_say(written):
    halved = torch.float8_e4m3fn
    single, model = written("flux1", change=lambda tensors: {key: each.to(halved) for key, each in tensors.items()})
    built = denoiser.build(single, single.base, torch.float32)
    assert single.weights.precision == "F8_E4M3"
    assert torch.equal(built.proj_out.weight, model.proj_out.weight.to(halved).float())


@pytest.mark.parametrize(("name", "prefix"), [("flux2", "model.diffusion_model."), ("auraflow", "model.")])
def test_what_stands_before_a_name_says_nothing(name, prefix, written):
    single, model = written(name, prefix)
    built = denoiser.build(single, single.base, torch.float32)
    assert torch.equal(built.proj_out.weight, model.proj_out.weight)


@pytest.fixture
def rounded(card, tmp_path):
    """A tiny model as a GGUF file and as the folder it was written from."""
    pytest.importorskip("gguf")

    def write(name, kind):
        base = card(name)
        model = whole(base)[0].from_pretrained(base.path / "transformer")
        made = makers.tensors(base.family.name, model)
        return ModelCard.read(makers.write_gguf(made, tmp_path / "x.gguf", kind), base.path), base

    return write


@pytest.mark.parametrize(("kind", "near"), [("Q8_0", 0.3), ("Q4_0", 4)])
@pytest.mark.parametrize("name", ["flux1", "qwen_image", "z_image_turbo"])
def test_rounded_weights_draw_nearly_the_same_picture(name, kind, near, rounded):
    single, base = rounded(name, kind)
    assert (single.weights.precision, single.variant, single.family) == (kind, base.variant, base.family)
    drawn, plain = (np.asarray(Model(each).draw()).astype(int) for each in (single, base))
    assert plain.std() > 10
    assert 0 < np.abs(drawn - plain).mean() < near


def test_weights_stay_rounded_in_memory_where_they_are_multiplied(rounded):
    single, _ = rounded("z_image", "Q4_0")
    built = denoiser.build(single, single.base, torch.bfloat16)
    assert built.layers[0].attention.to_q.weight.quant_type.name == "Q4_0"
    assert {type(built.x_pad_token), type(built.layers[0].attention_norm1.weight)} == {torch.nn.Parameter}
    assert built.layers[0].attention_norm1.weight.dtype == torch.bfloat16


def test_without_the_package_it_says_what_to_install(rounded, monkeypatch):
    single, _ = rounded("flux1", "Q8_0")
    monkeypatch.setattr(denoiser, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"needs the package gguf: pip install 'studio-diffusion\[gguf\]'"):
        denoiser.build(single, single.base, torch.float32)


def test_families_that_diffusers_loads_whole_only_say_so(rounded):
    single, _ = rounded("hunyuan_image", "Q8_0")
    with pytest.raises(ModelError, match="HunyuanImage 2.1 does not run from GGUF files; take 'x' as safetensors"):
        denoiser.build(single, single.base, torch.float32)
