import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from studio.engine.engine import Engine
from studio.engine.pipelines import Pipelines
from studio.errors import ModelError
from studio.models.card import ModelCard
from studio.request import Request
from tests.families import makers, tiny
from tests.models import original, small


def drawn(pipeline) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(1)
    picture = pipeline("a red circle", num_inference_steps=2, width=64, height=64, generator=generator).images[0]
    return np.asarray(picture).astype(int)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal but for a level here and there: weights that lie otherwise in memory are summed in another order."""
    return one.std() > 10 and np.abs(one - other).max() <= 1


def loaded(card):
    return Pipelines("cpu").get(card, "text-to-image")


@pytest.fixture(scope="module")
def expected(sd1_folder):
    return drawn(loaded(ModelCard.read(sd1_folder)))


def test_a_file_draws_what_its_folder_draws(sd1_file, sd1_folder, expected):
    assert expected.std() > 10
    assert same(drawn(loaded(ModelCard.read(sd1_file, sd1_folder))), expected)


def test_parts_that_the_file_lacks_come_from_the_base(tmp_path, sd1_file, sd1_folder, expected):
    for start in ("first_stage_model.", "cond_stage_model."):
        rest = {name: tensor for name, tensor in load_file(sd1_file).items() if not name.startswith(start)}
        save_file(rest, tmp_path / "x.safetensors")
        assert same(drawn(loaded(ModelCard.read(tmp_path / "x.safetensors", sd1_folder))), expected)


def test_without_a_base_the_missing_part_is_named(tmp_path, sd1_file):
    rest = {name: tensor for name, tensor in load_file(sd1_file).items() if "diffusion_model" in name}
    save_file(rest, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="'x' has no VAE and no text encoder; .*--base FOLDER"):
        loaded(ModelCard.read(tmp_path / "x.safetensors"))


def test_a_file_that_is_not_of_its_familys_size_is_a_model_error(sd1_file):
    with pytest.raises(ModelError, match="'painting' does not load"):
        loaded(ModelCard.read(sd1_file))


def test_v_prediction_and_zero_terminal_snr_reach_the_scheduler(tmp_path, sd1_file, sd1_folder):
    save_file(load_file(sd1_file) | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, tmp_path / "x.safetensors")
    pipeline = loaded(ModelCard.read(tmp_path / "x.safetensors", sd1_folder))
    config = pipeline.scheduler.config
    assert (config.prediction_type, config.rescale_betas_zero_snr) == ("v_prediction", True)
    assert np.isfinite(drawn(pipeline)).all()


def test_an_inpainting_file_paints_into_a_mask(tmp_path):
    pipeline = small.sd1(in_channels=9)
    base = small.folder(pipeline, tmp_path / "base")
    card = ModelCard.read(original.write(pipeline, tmp_path / "x.safetensors"), base)
    assert {"text-to-image", "image-to-image"}.isdisjoint(card.family.pipelines)
    request = Request(
        prompt="a circle",
        negative_prompt="",
        steps=2,
        guidance=2,
        width=64,
        height=64,
        strength=1,
        images=(Image.new("RGB", (64, 64), "red"),),
        masks=(Image.new("L", (64, 64), 255),),
    )
    assert Engine(Pipelines("cpu")).denoise(card, request)[0].size == (64, 64)


def test_openclips_layers_are_found(tmp_path):
    pipeline = small.sd2()
    base = small.folder(pipeline, tmp_path / "base")
    card = ModelCard.read(original.write(pipeline, tmp_path / "x.safetensors"), base)
    assert card.family.name == "sd2"
    assert same(drawn(loaded(card)), drawn(pipeline))


def xl(pipeline, path):
    """The pipeline of a small XL from a single file."""
    base = small.folder(pipeline, path / "base")
    card = ModelCard.read(original.write(pipeline, path / "x.safetensors"), base)
    assert card.family.name == "sdxl"
    return Pipelines("cpu").any(card)


def test_xl_with_its_two_text_encoders_draws_what_its_folder_draws(tmp_path):
    pipeline = small.sdxl()
    assert same(drawn(xl(pipeline, tmp_path)), drawn(pipeline))


def test_the_refiner_refines_as_its_folder_does(tmp_path):
    def refined(pipeline):
        pipeline.set_progress_bar_config(disable=True)
        picture, generator = Image.new("RGB", (64, 64), "red"), torch.Generator().manual_seed(1)
        made = pipeline("a circle", image=picture, strength=0.5, num_inference_steps=4, generator=generator)
        return np.asarray(made.images[0]).astype(int)

    pipeline = small.sdxl_refiner()
    assert same(refined(xl(pipeline, tmp_path)), refined(pipeline))


def whole(name: str, where):
    """A tiny model of a family as a folder, and its pipeline loaded from there."""
    card = ModelCard.read(tiny.folder(name, where))
    return card, loaded(card)


def test_a_transformer_alone_draws_with_the_rest_of_its_base(tmp_path):
    card, pipeline = whole("z_image", tmp_path)
    file = tmp_path / "dit.safetensors"
    save_file(makers.tensors("z_image", pipeline.transformer), file)
    alone = ModelCard.read(file, card.path)
    assert (alone.family.name, alone.prediction) == ("z_image", "flow")
    assert alone.weights.lacks == ("VAE", "text encoder")
    assert same(drawn(loaded(alone)), drawn(pipeline))


def test_so_does_one_whose_pipeline_cannot_read_files(tmp_path):
    card, pipeline = whole("qwen_image", tmp_path)
    file = tmp_path / "dit.safetensors"
    save_file(dict(pipeline.transformer.state_dict()), file)
    alone = ModelCard.read(file, card.path)
    assert alone.family.name == "qwen_image"
    assert same(drawn(loaded(alone)), drawn(pipeline))


def test_without_a_base_it_says_what_it_needs(tmp_path):
    _, pipeline = whole("qwen_image", tmp_path)
    save_file(dict(pipeline.transformer.state_dict()), tmp_path / "dit.safetensors")
    with pytest.raises(ModelError, match="'dit' has no VAE and no text encoder; .* such as Qwen/Qwen-Image on the Hub"):
        loaded(ModelCard.read(tmp_path / "dit.safetensors"))


def test_of_a_whole_file_the_denoiser_is_taken_and_the_rest_from_its_base(tmp_path):
    card, pipeline = whole("flux1_schnell", tmp_path)
    made = {
        f"model.diffusion_model.{name}": each for name, each in makers.tensors("flux1", pipeline.transformer).items()
    }
    save_file({**made, "vae.decoder.conv_in.bias": torch.zeros(4)}, tmp_path / "all.safetensors")
    alone = ModelCard.read(tmp_path / "all.safetensors", card.path)
    assert alone.weights.lacks == ("text encoder",)
    assert same(drawn(loaded(alone)), drawn(pipeline))
    with pytest.raises(ModelError, match="'all' has no text encoder; take the rest"):
        loaded(ModelCard.read(tmp_path / "all.safetensors"))


def test_a_base_in_half_precision_lends_too(tmp_path, sd1_file, sd1_folder, expected):
    base = Path(shutil.copytree(sd1_folder, tmp_path / "base"))
    for file in base.glob("*/*.safetensors"):
        file.rename(file.with_name(f"{file.stem}.fp16.safetensors"))
    rest = {name: tensor for name, tensor in load_file(sd1_file).items() if not name.startswith("first_stage_model.")}
    save_file(rest, tmp_path / "x.safetensors")
    assert same(drawn(loaded(ModelCard.read(tmp_path / "x.safetensors", base))), expected)


def test_a_base_needs_no_denoiser_of_its_own(tmp_path):
    card, pipeline = whole("z_image", tmp_path)
    save_file(makers.tensors("z_image", pipeline.transformer), tmp_path / "dit.safetensors")
    next((card.path / "transformer").glob("*.safetensors")).unlink()
    assert same(drawn(loaded(ModelCard.read(tmp_path / "dit.safetensors", card.path))), drawn(pipeline))
