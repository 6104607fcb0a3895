import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.errors import ModelError
from studio.models.checkpoint_detect import recognised
from tests.families import makers
from tests.models import original, small

ENTRY = "model.diffusion_model.input_blocks.0.0.weight"
LISTENS = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
NORM = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"


def sd2(path, spread=0.0, channels=4, **extra):
    tensors = {
        ENTRY: torch.zeros(8, channels, 3, 3),
        LISTENS: torch.zeros(8, 1024),
        NORM: torch.tensor([-spread, spread]),
    }
    save_file(tensors | extra, path)
    return recognised(path)


def test_a_whole_model_of_the_first_family(sd1_file):
    found = recognised(sd1_file)
    assert (found.family.name, found.variant, found.prediction, found.precision) == ("sd1", "", "epsilon", "F32")
    assert found.lacks == ()
    assert found.licence == "unknown"


def test_nine_channels_in_are_a_model_for_inpainting(tmp_path):
    file = original.write(small.sd1(in_channels=9), tmp_path / "x.safetensors", without={"vae", "text"})
    assert recognised(file).variant == "inpaint"


def test_parts_that_are_missing_are_told(tmp_path):
    pipeline = small.sd1()
    file = original.write(pipeline, tmp_path / "x.safetensors", without={"vae"}, dtype=torch.float16)
    assert (recognised(file).lacks, recognised(file).precision) == (("VAE",), "F16")
    file = original.write(pipeline, tmp_path / "x.safetensors", without={"vae", "text"})
    assert recognised(file).lacks == ("VAE", "text encoder")


def test_the_name_says_nothing(sd1_file, tmp_path):
    shutil.copy(sd1_file, tmp_path / "sdxl-turbo-flux-v2.safetensors")
    assert recognised(tmp_path / "sdxl-turbo-flux-v2.safetensors").family.name == "sd1"


@pytest.mark.parametrize(
    ("extra", "metadata", "prediction"),
    [
        ({}, {}, "epsilon"),
        ({"v_pred": torch.zeros(0)}, {}, "v"),
        ({"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, {}, "v, zero terminal SNR"),
        ({}, {"modelspec.prediction_type": "v"}, "v"),
        ({}, {"modelspec.prediction_type": "epsilon"}, "epsilon"),
    ],
)
def test_the_prediction_is_told_by_keys_and_metadata(tmp_path, sd1_file, extra, metadata, prediction):
    save_file(load_file(sd1_file) | extra, tmp_path / "x.safetensors", metadata)
    assert recognised(tmp_path / "x.safetensors").prediction == prediction


def test_the_second_familys_prediction_is_told_by_the_spread_of_a_norm(tmp_path):
    path = tmp_path / "x.safetensors"
    large, small_one, painter = sd2(path, spread=0.2), sd2(path, spread=0.05), sd2(path, spread=0.2, channels=9)
    assert (large.prediction, large.variant, large.family.capabilities.defaults.size) == ("v", "", (768, 768))
    assert (small_one.prediction, small_one.variant, small_one.family.capabilities.defaults.size) == (
        "epsilon",
        "base",
        (512, 512),
    )
    assert (painter.prediction, painter.variant) == ("epsilon", "inpaint")


def test_the_spread_is_read_in_every_precision(tmp_path):
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        found = sd2(tmp_path / "x.safetensors", **{NORM: torch.tensor([-0.2, 0.2], dtype=dtype)})
        assert found.prediction == "v"


def test_edm_noise_is_refused_by_name(tmp_path, sd1_file):
    save_file(load_file(sd1_file) | {"edm_mean": torch.zeros(4)}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="EDM noise, which is not supported"):
        recognised(tmp_path / "x.safetensors")


def test_the_licence_is_what_the_metadata_claims(tmp_path, sd1_file):
    save_file(load_file(sd1_file), tmp_path / "x.safetensors", {"modelspec.license": "CreativeML Open RAIL-M"})
    assert recognised(tmp_path / "x.safetensors").licence == "CreativeML Open RAIL-M"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lora_unet_down_blocks_0.lora_down.weight", "a LoRA, not a model"),
        ("control_model.input_blocks.0.0.weight", "a ControlNet, not a model"),
        ("emb_params", "a textual inversion, not a model"),
        ("decoder.up.0.block.0.norm1.weight", "a VAE alone, not a model"),
        ("text_model.encoder.layers.0.mlp.fc1.weight", "a text encoder alone, not a model"),
        ("surprise", "not a model of a known family"),
    ],
)
def test_what_is_no_model_is_called_what_it_is(tmp_path, name, kind):
    save_file({name: torch.zeros(1, 2)}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=kind):
        recognised(tmp_path / "x.safetensors")


def test_a_lora_is_told_with_the_models_it_is_for(tmp_path):
    target = "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {f"{target}.lora_up.weight": torch.zeros(8, 2), f"{target}.lora_down.weight": torch.zeros(2, 768)}
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=r"x\.safetensors' is a LoRA for Stable Diffusion 1, not a model"):
        recognised(tmp_path / "x.safetensors")


def test_a_safetensors_file_must_be_called_one(tmp_path, sd1_file):
    for name in ("x.ckpt", "x.SafeTensors"):
        shutil.copy(sd1_file, tmp_path / name)
        with pytest.raises(ModelError, match=r"rename it to end in \.safetensors"):
            recognised(tmp_path / name)


FLUX = {
    "double_blocks.0.img_attn.norm.key_norm.scale": torch.zeros(16),
    "double_blocks.0.img_mod.lin.weight": torch.zeros(96, 32),
}


def flux(path, **extra):
    save_file(FLUX | extra, path / "x.safetensors")
    return path / "x.safetensors"


MODULATION = "double_blocks.0.img_mod.lin"


@pytest.mark.parametrize(
    ("extra", "what"),
    [
        (
            {f"{MODULATION}.scale_weight": torch.ones(96, 1)},
            f"not one number for each matrix .'{MODULATION}.scale_weight'",
        ),
        ({f"{MODULATION}.weight_scale_2": torch.ones(1)}, "NVIDIA's 4-bit floats"),
        ({f"{MODULATION}.comfy_quant": torch.tensor(list(b'{"format": "x"}'), dtype=torch.uint8)}, '"format": "x"'),
        ({f"{MODULATION}.weight.absmax": torch.ones(8)}, "4 or 8 bits by bitsandbytes"),
        ({f"{MODULATION}.weight.quant_state.bitsandbytes__nf4": torch.ones(8)}, "bitsandbytes"),
        ({f"{MODULATION}.wscales": torch.ones(8, 2)}, "for Nunchaku"),
        ({"edm_mean": torch.ones(4)}, "EDM noise"),
    ],
)
def test_weights_that_cannot_be_read_are_called_what_they_are(tmp_path, extra, what):
    with pytest.raises(ModelError, match=f"x.safetensors' .*{what}.*[:;] (get|use)"):
        recognised(flux(tmp_path, **extra))


def test_a_gguf_file_is_told_by_its_tensors_too(tmp_path):
    pytest.importorskip("gguf")
    found = recognised(makers.write_gguf(FLUX, tmp_path / "x.gguf", "Q8_0"))
    assert (found.family.title, found.precision, found.rounded) == ("FLUX.1 schnell", "Q8_0", True)
    assert found.lacks == ("VAE", "text encoder")
    shutil.copy(tmp_path / "x.gguf", tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=r"is a gguf file by its content; rename it to end in \.gguf"):
        recognised(tmp_path / "x.safetensors")


def test_a_gguf_file_of_a_unet_is_refused_by_name(tmp_path):
    pytest.importorskip("gguf")
    made = {ENTRY: torch.zeros(8, 4, 3, 3), LISTENS: torch.zeros(8, 768)}
    with pytest.raises(ModelError, match="Stable Diffusion 1 as GGUF, which is not supported"):
        recognised(makers.write_gguf(made, tmp_path / "x.gguf", "Q8_0"))


def test_the_base_tells_variants_that_look_alike(tmp_path, card):
    file = flux(tmp_path, **{"guidance_in.in_layer.weight": torch.zeros(1), "img_in.weight": torch.zeros(32, 64)})
    found = recognised(file)
    kontext = found.whole(file, card("flux1_kontext").path)
    assert (found.variant, kontext.variant, kontext.family.title) == ("", "kontext", "FLUX.1 Kontext")
    assert found.whole(file, card("flux1").path) == found


@pytest.mark.parametrize(("base", "title"), [("flux1", "FLUX.1"), ("sdxl", "Stable Diffusion XL")])
def test_a_base_of_another_kind_is_refused_by_name(tmp_path, card, base, title):
    file = flux(tmp_path)
    with pytest.raises(
        ModelError, match=f"is FLUX.1 schnell, but its base .* is {title}; .* black-forest-labs/FLUX.1-s"
    ):
        recognised(file).whole(file, card(base).path)


def test_what_the_second_family_predicts_is_told_by_the_file_whatever_its_base(tmp_path, card):
    found = sd2(tmp_path / "x.safetensors", spread=0.2)
    assert found.whole(tmp_path / "x.safetensors", card("sd2_base").path) == found


def test_a_file_that_changes_is_read_again(tmp_path, sd1_file):
    path = tmp_path / "x.safetensors"
    shutil.copy(sd1_file, path)
    assert recognised(path).prediction == "epsilon"
    save_file(load_file(sd1_file) | {"v_pred": torch.zeros(0)}, path)
    assert recognised(path).prediction == "v"
