"""A LoRA from two checkpoints, against the SVD of their difference in float64."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from studio.errors import InputError
from studio.lora.formats.file import LoraFile
from studio.lora.tools.lora_extract import extract
from studio.lora.tools.svd import RankLimit
from studio.models.card import ModelCard
from tests.diffusion import small
from tests.diffusion.checkpoints import draw, is_whole, metadata, silent, spark
from tests.models import original
from tests.models import small as whole

TOUCHED = {
    "unet": ("conv_in.weight", "down_blocks.3.attentions.0.proj_in.weight", "mid_block.resnets.0.conv1.weight",
             "up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight", "conv_in.bias",
             "conv_norm_out.weight", "conv_norm_out.bias"),
    "text_encoder": ("encoder.layers.0.self_attn.q_proj.weight", "embeddings.token_embedding.weight"),
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("extracting")


@pytest.fixture(scope="module")
def base(home):
    return spark(home)


def parameters(pipeline, part):
    return {name.removeprefix("text_model."): value for name, value in getattr(pipeline, part).named_parameters()}


@pytest.fixture(scope="module")
def tuned(home, base):
    """Spark with noise on some of its parameters; also how much, by part and parameter."""
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(base.path, safety_checker=None)
    generator, noises = torch.Generator().manual_seed(4), {}
    with torch.no_grad():
        for part, names in TOUCHED.items():
            for name in names:
                value = parameters(pipeline, part)[name]
                before = value.double().numpy().copy()
                value.add_(0.05 * torch.randn(value.shape, generator=generator))
                noises[part, name] = value.double().numpy() - before
    pipeline.save_pretrained(home / "tuned")
    return ModelCard.read(home / "tuned"), noises


def test_each_module_is_as_near_as_the_rank_allows_and_what_is_the_same_is_left_out(home, base, tuned):
    card, noises = tuned
    done = extract(card, base, RankLimit(4), home / "four.safetensors", silent)
    assert (done.written.factored, done.written.whole, done.left) == (5, 4, ())
    file, tensors = LoraFile.read(home / "four.safetensors"), load_file(home / "four.safetensors")
    for (part, name), noise in noises.items():
        begin = "lora_unet_" if part == "unet" else "lora_te_text_model_"
        target, end = f"{begin}{name.rpartition('.')[0].replace('.', '_')}", name.rpartition(".")[2]
        changes = {layer.algorithm: layer for layer in file.layers if layer.target == target}
        if "lora" in changes and end == "weight":
            up, down = (tensors[changes["lora"].tensors[role]] for role in ("up", "down"))
            assert up.shape[2:] == (1,) * (noise.ndim - 2)
            assert down.shape[1:] == noise.shape[1:]
            found = changes["lora"].scale * up.double().flatten(1).numpy() @ down.double().flatten(1).numpy()
            values = np.linalg.svd(flat := noise.reshape(len(noise), -1), compute_uv=False)
            error = np.sqrt((values[4:] ** 2).sum())
            assert np.linalg.norm(found - flat) == pytest.approx(error, rel=1e-6)
        else:
            role = {"conv_norm_out.weight": "w_norm", "conv_norm_out.bias": "b_norm", "conv_in.bias": "diff_b"}
            assert np.allclose(tensors[f"{target}.{role.get(name, 'diff')}"].double().numpy(), noise, atol=1e-7)
    assert len({layer.target for layer in file.layers}) == len({name.rpartition(".")[0] for _, name in noises})
    assert is_whole(home / "four.safetensors", base)


def test_at_full_rank_it_draws_what_the_tuned_model_draws(home, base, tuned):
    card, _ = tuned
    done = extract(card, base, RankLimit(1000), home / "full.safetensors", silent)
    assert done.written.kept == pytest.approx(1)
    drawn = draw(card)
    assert small.difference(draw(base, str(home / "full.safetensors")), drawn) <= 1
    assert small.difference(draw(base), drawn) > 10
    told = metadata(home / "full.safetensors")
    assert (told["modelspec.merged_from"], told["modelspec.architecture"]) == ("tuned less spark32", "sd1/lora")
    assert told["modelspec.license"] == "unknown (tuned); apache-2.0 (spark32)"


def test_what_half_precision_rounds_is_no_difference(home, base):
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(base.path, safety_checker=None)
    with torch.no_grad():
        for value in pipeline.unet.parameters():
            value.mul_(1 + 1e-4)
        pipeline.save_pretrained(home / "fine")
        pipeline.to(torch.float16).unet.conv_in.weight.add_(0.1)
    pipeline.save_pretrained(home / "rounded")
    fine, rounded = ModelCard.read(home / "fine"), ModelCard.read(home / "rounded")
    done = extract(rounded, fine, RankLimit(4), home / "rounded.safetensors", silent)
    assert (done.written.factored, done.written.whole) == (1, 0)
    assert {tensor.dtype for tensor in load_file(home / "rounded.safetensors").values()} == {torch.float16}


def test_of_single_files_whose_makers_fused_modules(home, tmp_path):
    pipeline = whole.sd2()
    before = ModelCard.read(original.write(pipeline, tmp_path / "before.safetensors"))
    with torch.no_grad():
        pipeline.text_encoder.get_submodule("encoder.layers.1.self_attn.k_proj").weight.add_(0.1)
        pipeline.unet.conv_out.weight.mul_(2)
    after = ModelCard.read(original.write(pipeline, tmp_path / "after.safetensors"))
    done = extract(after, before, RankLimit(keep=0.99), tmp_path / "x.safetensors", silent)
    targets = {layer.target for layer in LoraFile.read(tmp_path / "x.safetensors").layers}
    assert targets == {"lora_unet_conv_out", "lora_te_text_model_encoder_layers_1_self_attn_k_proj"}
    assert min(done.written.ranks) == 1
    assert is_whole(tmp_path / "x.safetensors", before)


def test_those_that_are_not_alike_are_refused_by_name(base, tmp_path):
    from diffusers import StableDiffusionPipeline

    other = ModelCard.read(whole.folder(whole.sd1(), tmp_path / "other"))
    with pytest.raises(InputError, match=r"other and spark32 are not of one shape: .* and \d+ more"):
        extract(other, base, RankLimit(4), tmp_path / "x.safetensors", silent)
    pipeline = StableDiffusionPipeline.from_pretrained(base.path, safety_checker=None)
    pipeline.unet.conv_out = torch.nn.Conv2d(pipeline.unet.conv_out.in_channels, 5, 3)
    pipeline.save_pretrained(tmp_path / "wider")
    with pytest.raises(InputError, match=r"unet.conv_out.bias is \(5,\) and \(4,\); unet.conv_out.weight is \(5, "):
        extract(ModelCard.read(tmp_path / "wider"), base, RankLimit(4), tmp_path / "x.safetensors", silent)
    xl = ModelCard.read(whole.folder(whole.sdxl(), tmp_path / "xl"))
    with pytest.raises(InputError, match="give two of one family"):
        extract(xl, base, RankLimit(4), tmp_path / "x.safetensors", silent)
    assert not (tmp_path / "x.safetensors").exists()


def test_one_that_is_the_same_has_no_lora(base, tmp_path):
    with pytest.raises(InputError, match="no difference at all; nothing was written"):
        extract(base, base, RankLimit(4), tmp_path / "x.safetensors", silent)
    assert not list(tmp_path.iterdir())
