"""A denoiser with its VAE and its text encoders in files of their own, and a base that has no weights."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.diffusion.memory.memory_footprint import ModelFootprint
from studio.errors import ModelError
from studio.models.card import ModelCard
from studio.models.parameter_index import parameters
from tests import here
from tests.families import makers, partfiles


def loaded(card):
    return here.pipelines().get(card, "text-to-image")


def weightless(folder: Path, out: Path) -> Path:
    """A model's folder with its settings and vocabularies alone."""
    return Path(shutil.copytree(folder, out, ignore=shutil.ignore_patterns("*.safetensors")))


def denoiser(base: ModelCard, pipeline, file: Path) -> Path:
    made = makers.tensors(base.family.name, pipeline.transformer)
    save_file({name: each.contiguous() for name, each in made.items()}, file)
    return file


def apart(base: ModelCard, where: Path, times: float = 1.0):
    """The pipeline of a model, and the card of the same in files of their own."""
    pipeline = loaded(base)
    file = denoiser(base, pipeline, where / "denoiser.safetensors")
    files = partfiles.write(pipeline, where / "parts", times)
    settings = weightless(base.path, where / "settings")
    return pipeline, ModelCard.read(file, settings, {file.name: file for file in reversed(files.values())})


FAMILIES = ["flux1", "sd3_large", "z_image", "qwen_image", "hunyuan_image", "flux2", "sana", "hidream", "auraflow"]


@pytest.mark.parametrize("name", FAMILIES)
def test_each_file_is_the_part_that_its_tensors_tell(card, tmp_path, name):
    whole, parted = apart(card(name), tmp_path, times=0.5)
    made = loaded(parted)
    assert parted.lacks() == []
    for part, own in whole.components.items():
        if isinstance(own, torch.nn.Module):
            times = 0.5 if part == "vae" or part.startswith("text_encoder") else 1.0
            there = getattr(made, part).state_dict()
            for key, each in own.state_dict().items():
                right = each * times if each.is_floating_point() else each
                if key != "lm_head.weight":
                    assert torch.equal(there[key], right), (part, key)
    assert ModelFootprint.of(parted).parts.keys() == ModelFootprint.of(card(name)).parts.keys()


def test_they_draw_what_their_folder_draws(card, tmp_path):
    def drawn(pipeline):
        pipeline.set_progress_bar_config(disable=True)
        generator = torch.Generator().manual_seed(1)
        picture = pipeline("a red circle", num_inference_steps=2, width=64, height=64, generator=generator).images[0]
        return np.asarray(picture).astype(int)

    whole, parted = apart(card("flux1"), tmp_path)
    one, other = drawn(whole), drawn(loaded(parted))
    assert one.std() > 10
    assert np.abs(one - other).max() <= 1


def test_a_lora_finds_the_text_encoders_that_lie_apart(card, tmp_path):
    base = card("flux1")
    _, parted = apart(base, tmp_path)
    found, whole = parameters(parted), parameters(base)
    assert found["text_encoder"].keys() == whole["text_encoder"].keys()
    assert found["text_encoder_2"].keys() == whole["text_encoder_2"].keys()


def test_fp8_encoders_are_read_with_and_without_scales(card, tmp_path):
    pipeline, parted = apart(card("flux1"), tmp_path)
    file = parted.parts["text_encoder_2.safetensors"]
    plain = load_file(file)
    name = "encoder.block.0.layer.0.SelfAttention.q.weight"
    save_file(plain | {name: plain[name].to(torch.float8_e4m3fn)}, file)
    rounded = plain[name].to(torch.float8_e4m3fn).float()
    assert torch.equal(loaded(parted).text_encoder_2.state_dict()[name], rounded)
    scale = {name.replace(".weight", ".scale_weight"): torch.tensor(0.5), "scaled_fp8": torch.zeros(2)}
    save_file(plain | {name: plain[name].to(torch.float8_e4m3fn)} | scale, file)
    assert torch.equal(loaded(parted).text_encoder_2.state_dict()[name], rounded * 0.5)
    assert pipeline.text_encoder_2.state_dict().keys() == loaded(parted).text_encoder_2.state_dict().keys()


def test_a_part_with_another_layer_width_is_refused_by_name(card, tmp_path):
    _, parted = apart(card("flux1"), tmp_path)
    file = parted.parts["text_encoder.safetensors"]
    tensors = load_file(file)
    name = next(name for name in tensors if name.endswith("layers.0.mlp.fc1.weight"))
    save_file(tensors | {name: tensors[name][1:].contiguous()}, file)
    with pytest.raises(ModelError, match="text_encoder.safetensors' has a text encoder, in a layout"):
        loaded(parted)


@pytest.mark.parametrize(("change", "says"), [
    (lambda made: {k: v for k, v in made.items() if "conv_out.bias" not in k}, "lacks 'decoder.conv_out.bias'"),
    (lambda made: made | {"decoder.more": torch.ones(2)}, "has the unexpected 'decoder.more'"),
    (lambda made: made | {"decoder.conv_out.bias": torch.ones(2)}, "has another size for 'decoder.conv_out.bias'"),
])  # fmt: skip
def test_a_vae_that_does_not_fit_is_refused_by_name(card, tmp_path, change, says):
    _, parted = apart(card("flux1"), tmp_path)
    file = parted.parts["vae.safetensors"]
    save_file(change(load_file(file)), file)
    with pytest.raises(ModelError, match=f"the VAE in '.*vae.safetensors' does not fit this model: it {says}"):
        loaded(parted)


def test_a_part_of_its_own_wins_over_that_of_an_all_in_one_file(card, tmp_path):
    base = card("z_image")
    pipeline = loaded(base)
    own = {f"vae.{name}": each.contiguous() for name, each in partfiles.vae(pipeline.vae).items()}
    made = makers.tensors("z_image", pipeline.transformer)
    both = own | {f"model.diffusion_model.{name}": each.contiguous() for name, each in made.items()}
    save_file(both, tmp_path / "all.safetensors")
    vae = partfiles.write(pipeline, tmp_path / "parts", 2.0)["vae"]
    made = loaded(ModelCard.read(tmp_path / "all.safetensors", base.path, {"vae": vae}))
    name = "decoder.conv_out.weight"
    assert torch.equal(made.vae.state_dict()[name], 2 * pipeline.vae.state_dict()[name])
