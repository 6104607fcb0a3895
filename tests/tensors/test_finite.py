"""NaN and infinity are named where they come from: in a file, in a model's steps, or in its decoder."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.diffusion.engine import Engine
from studio.diffusion.not_finite import LatentCheck
from studio.errors import ModelError, NotFinite
from studio.models.card import ModelCard
from studio.parameters.conditioning import ControlImage, Guide, ReferenceImage
from studio.parameters.request import Request
from studio.tensors.finite import check_weights, finite
from tests import here
from tests.diffusion import small

NAN, INF = float("nan"), float("inf")
KINDS = [torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float64]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("at", [0, 500, 1000])
def test_one_number_of_many_is_seen(kind, at):
    numbers = torch.full((7, 143), 200.0).to(kind)
    assert finite(numbers)
    for wrong in (NAN,) if kind is torch.float8_e4m3fn else (NAN, INF, -INF):  # this fp8 has no infinity
        holed = numbers.clone().flatten()
        holed[at] = wrong
        assert not finite(holed)
        assert not finite(holed.view(7, 143).T)


def test_nothing_and_integers_are_finite():
    assert finite(torch.empty(0))
    assert finite(torch.arange(9))


def holed(file, value=NAN, like=""):
    """Put a number into the middle of one of a file's tensors; returns its name."""
    tensors = load_file(file)
    name = sorted(key for key in tensors if like in key and tensors[key].is_floating_point())[-1]
    tensors[name].flatten()[tensors[name].numel() // 2] = value
    save_file(tensors, file)
    return name


def draw(card, guide=None, prompt="a star <new>", pipelines=None):
    request = Request(prompt=prompt, steps=2, guidance=3.0, width=64, height=64, guide=guide or Guide())
    return Engine(pipelines or here.pipelines(), 1).denoise(card, request)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_models_folder_is_refused_by_tensor_and_file(part, sd1_folder, tmp_path):
    folder = shutil.copytree(sd1_folder, tmp_path / "model")
    (file,) = (folder / part).glob("*.safetensors")
    name = holed(file, -INF if part == "vae" else NAN)
    with pytest.raises(ModelError) as refused:
        draw(ModelCard.read(folder))
    assert str(refused.value) == f"'{file}' holds NaN or infinity in '{name}': it is damaged, get it again"


@pytest.mark.parametrize("part", ["model.diffusion_model.", "first_stage_model.", "cond_stage_model."])
def test_so_is_a_single_file(part, sd1_file, sd1_folder, tmp_path):
    file = shutil.copy(sd1_file, tmp_path / "painting.safetensors")
    name = holed(file, like=part)
    with pytest.raises(ModelError) as refused:
        draw(ModelCard.read(file, sd1_folder))
    assert f"'{file}' holds NaN or infinity in '{name}'" in str(refused.value)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Guides with a part of each kind for Spark, and the file in which each has its weights."""
    home, picture = tmp_path_factory.mktemp("parts"), (small.drawing(),)
    net, adapter, vae = small.controlnet(home / "net"), small.t2i_adapter(home / "adapter"), small.vae(home / "vae")
    ip = small.ip_adapter(home / "ip")
    word = small.embedding(home / "word.safetensors")
    return home, {
        "net/*": Guide(controls=(ControlImage(net, picture),)),
        "adapter/*": Guide(controls=(ControlImage(adapter, picture, adapter=True),)),
        "vae/*": Guide(vae=vae),
        "ip/*": Guide(references=(ReferenceImage(ip, picture),)),
        "ip/image_encoder/*": Guide(references=(ReferenceImage(ip, picture),)),
        "word*": Guide(embeddings=(("<new>", word),)),
    }


@pytest.mark.parametrize("where", ["net/*", "adapter/*", "vae/*", "ip/*", "ip/image_encoder/*", "word*"])
def test_so_is_every_kind_of_part(where, parts):
    home, guides = parts
    (file,) = home.glob(f"{where}.safetensors")
    whole = file.read_bytes()
    name = holed(file)
    try:
        with pytest.raises(ModelError) as refused:
            draw(here.card("spark"), guides[where])
    finally:
        file.write_bytes(whole)
    assert f"'{file}' holds NaN or infinity in '{name}'" in str(refused.value)


def test_what_a_precision_cannot_hold_is_named_too(tmp_path):
    module = torch.nn.Linear(2, 2)
    module.weight.data[1, 1] = 1e6
    save_file(module.state_dict(), tmp_path / "fine.safetensors")
    with pytest.raises(ModelError, match="'any' does not load: its weight 'weight' holds NaN or infinity in float16"):
        check_weights(module.half(), "any", [tmp_path / "fine.safetensors"])


@pytest.mark.parametrize(
    ("prompt", "step"), [("(a:100000000000000000000)", 1), ("a AND b :1000000000000000000000000000000", 2)]
)
def test_a_picture_that_would_be_black_names_the_step_and_what_to_try(prompt, step):
    with pytest.raises(NotFinite, match=f"after step {step} of 2: .* lower the weights of prompts"):
        draw(here.card("spark"), prompt=prompt)


def test_a_decoder_that_overflows_is_named_and_the_next_picture_is_fine():
    pipelines, card = here.pipelines(), here.card("spark")
    before = draw(card, pipelines=pipelines)
    weight = next(pipelines.any_task(card).vae.decoder.parameters())
    own = weight.data.clone()
    weight.data.fill_(1e38)
    with pytest.raises(NotFinite, match="decoded picture holds NaN or infinity, .* take another VAE"):
        draw(card, pipelines=pipelines)
    weight.data.copy_(own)
    assert draw(card, pipelines=pipelines) == before


class Elsewhere(torch.Tensor):
    """A tensor that seems to lie on a GPU."""

    device = torch.device("cuda")


def test_on_a_gpu_latents_are_asked_for_once():
    """A device that is not the CPU's does not wait after each step; the first bad step is named all the same."""
    latents, good, bad = LatentCheck(), torch.zeros(1, 4, 2, 2), torch.full((1, 4, 2, 2), NAN)
    latents.after(1, 3, good.as_subclass(Elsewhere))
    latents.after(2, 3, bad.as_subclass(Elsewhere))
    with pytest.raises(NotFinite, match="after step 2 of 3"):
        latents.after(3, 3, bad.as_subclass(Elsewhere))
