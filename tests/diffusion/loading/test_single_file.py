import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from studio.diffusion.engine import Engine
from studio.errors import ModelError
from studio.models.card import ModelCard
from studio.models.parameter_index import parameter_locations
from studio.parameters.request import Request
from tests import here
from tests.families import makers, partfiles, tiny
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
    return here.pipelines().get(card, "text-to-image")


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
    with pytest.raises(ModelError, match="painting.*do not fit Stable Diffusion 1: the file .*with --base"):
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
    assert {"text-to-image", "image-to-image"}.isdisjoint(card.family.pipelines.classes)
    request = Request(
        prompt="a circle",
        steps=2,
        guidance=2,
        width=64,
        height=64,
        strength=1,
        image=Image.new("RGB", (64, 64), "red"),
        mask=Image.new("L", (64, 64), 255),
    )
    assert Engine(here.pipelines()).denoise(card, request).size == (64, 64)


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
    return here.pipelines().any_task(card)


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


def vae_of(pipeline, begin, times=1.0):
    """The VAE's tensors in the layout of its makers, multiplied."""
    made = partfiles.vae(pipeline.vae).items()
    return {begin + name: (times * each if each.is_floating_point() else each).contiguous() for name, each in made}


ENCODERS = {"text_encoder": "clip_l", "text_encoder_2": "clip_g", "text_encoder_3": "t5xxl"}


def encoders_of(pipeline, times, flux=False):
    """The text encoders' tensors as ComfyUI has them."""
    names = ENCODERS | ({"text_encoder_2": "t5xxl"} if flux else {})
    return {
        f"text_encoders.{theirs}.transformer.{key}": (times * each).contiguous().clone()
        for ours, theirs in names.items()
        if (part := getattr(pipeline, ours, None))
        for key, each in partfiles.encoder(part).items()
    }


@pytest.mark.parametrize(
    "name", ["flux1_schnell", "sd3", "z_image", "lumina2", "chroma", "qwen_image", "hunyuan_image"]
)
def test_the_files_own_vae_and_text_encoders_win(card, tmp_path, name):
    base = card(name)
    pipeline = loaded(base)
    made = makers.tensors(base.family.name, pipeline.transformer)
    tensors = {f"model.diffusion_model.{key}": each.contiguous() for key, each in made.items()}
    tensors |= vae_of(pipeline, "vae.", 1.5) | encoders_of(pipeline, 0.5, flux="flux" in name)
    tensors |= {"text_encoders.clip_l.logit_scale": torch.ones(())}
    save_file(tensors, tmp_path / "all.safetensors")
    own = loaded(ModelCard.read(tmp_path / "all.safetensors", base.path))
    for part, times in {"vae": 1.5, **dict.fromkeys(ENCODERS, 0.5), "transformer": 1.0}.items():
        theirs = getattr(pipeline, part, None)
        for key, each in theirs.state_dict().items() if theirs is not None else ():
            if key == "lm_head.weight":  # which says the next word, and is asked for none
                continue
            assert torch.equal(getattr(own, part).state_dict()[key], times * each), (part, key)


def test_a_text_encoder_that_the_base_has_no_place_for_is_refused_by_name(card, tmp_path):
    base = card("flux1_schnell")
    made = makers.tensors("flux1", loaded(base).transformer)
    odd = {"text_encoders.qwen25_7b.transformer.model.layers.0.input_layernorm.weight": torch.ones(8)}
    save_file({key: each.contiguous() for key, each in made.items()} | odd, tmp_path / "all.safetensors")
    with pytest.raises(ModelError, match="has a text encoder .'text_encoders.qwen25_7b.transformer'. of its own"):
        loaded(ModelCard.read(tmp_path / "all.safetensors", base.path))


OLD = {
    "CLIP without text_model": ("cond_stage_model.transformer.text_model.", "cond_stage_model.transformer."),
    "U-Net without a beginning": ("model.diffusion_model.", ""),
    "both": ("model.diffusion_model.|text_model.", ""),
}


@pytest.mark.parametrize("layout", OLD)
def test_layouts_of_2022_draw_what_their_folder_draws(tmp_path, sd1_file, sd1_folder, expected, layout):
    old, new = OLD[layout]
    tensors = {re.sub(old.replace(".", r"\."), new, name): each for name, each in load_file(sd1_file).items()}
    schedule = {"betas": torch.ones(4), "model_ema.decay": torch.ones(()), "global_step": torch.ones(())}
    save_file(tensors | schedule, tmp_path / "x.safetensors")
    card = ModelCard.read(tmp_path / "x.safetensors", sd1_folder)
    assert card.weights.lacks == ()
    assert same(drawn(loaded(card)), expected)


@pytest.mark.parametrize("begin", ["", "model.diffusion_model."])
def test_a_unet_in_diffusers_names_draws_with_the_rest_of_its_base(tmp_path, sd1_folder, expected, begin):
    unet = load_file(next((sd1_folder / "unet").glob("*.safetensors")))
    save_file({begin + name: each for name, each in unet.items()}, tmp_path / "x.safetensors")
    card = ModelCard.read(tmp_path / "x.safetensors", sd1_folder)
    assert (card.family.name, card.weights.in_diffusers) == ("sd1", True)
    assert same(drawn(loaded(card)), expected)


@pytest.mark.parametrize(("scale", "mark"), [("scale_weight", "scaled_fp8"), ("weight_scale", "")])
def test_fp8_with_scales_is_what_the_two_make(card, tmp_path, scale, mark):
    base = card("flux1_schnell")
    tensors = {key: each.contiguous() for key, each in makers.tensors("flux1", loaded(base).transformer).items()}
    right = dict(tensors)
    for name in [name for name in tensors if name.endswith(".weight") and tensors[name].ndim == 2]:
        much = tensors[name].abs().max() / 448
        tensors[name] = (tensors[name] / much).to(torch.float8_e4m3fn)
        tensors[f"{name.removesuffix('weight')}{scale}"] = much
        right[name] = (tensors[name].double() * much.double()).float()
    if mark:
        tensors[mark] = torch.zeros(2, dtype=torch.float8_e4m3fn)
    for each, path in ((tensors, tmp_path / "scaled.safetensors"), (right, tmp_path / "right.safetensors")):
        save_file(each, path)
    scaled, exact = (ModelCard.read(tmp_path / f"{name}.safetensors", base.path) for name in ("scaled", "right"))
    assert (scaled.weights.scaled, exact.weights.scaled) == (True, False)
    one, other = (loaded(card).transformer.state_dict() for card in (scaled, exact))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    with pytest.raises(ModelError, match="fp8 with scales beside its weights"):
        parameter_locations(scaled)


def test_of_a_whole_file_the_denoiser_is_taken_and_the_rest_from_its_base(tmp_path):
    card, pipeline = whole("flux1_schnell", tmp_path)
    made = {
        f"model.diffusion_model.{name}": each for name, each in makers.tensors("flux1", pipeline.transformer).items()
    }
    save_file(made | vae_of(pipeline, "vae."), tmp_path / "all.safetensors")
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
