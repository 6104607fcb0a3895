"""Where a weight lies in its file decides nothing: pictures are the same to the bit wherever the file's header ends."""

import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from studio.diffusion.conditioning.conditioned_pipeline import conditioned
from studio.diffusion.engine import Engine
from studio.diffusion.memory.plan import MemoryPlan, Placement, Storage
from studio.models.card import ModelCard
from studio.parameters.conditioning import NO_GUIDE, ControlImage, Guide, ReferenceImage
from studio.parameters.request import Request
from studio.prompts.lora import Lora
from studio.steps import region
from studio.tensors.alignment import ALIGNMENT, align, aligned
from tests import here
from tests.diffusion import small
from tests.families import makers, tiny
from tests.lora import lorafiles


def shifted(place, by):
    """All weight files below a place, or the file itself, with headers that many bytes longer; returns the place."""
    for file in [place] if place.is_file() else list(place.rglob("*.safetensors")):
        whole = file.read_bytes()
        end = 8 + int.from_bytes(whole[:8], "little")
        header = whole[8:end] + b" " * by
        file.write_bytes(len(header).to_bytes(8, "little") + header + whole[end:])
    return place


def lying(offset, *shape):
    """A random matrix that begins so many bytes after a multiple of ALIGNMENT."""
    buffer = torch.empty(torch.Size(shape).numel() + ALIGNMENT // 4)
    start = (offset - buffer.data_ptr()) % ALIGNMENT // 4
    return buffer[start : start + torch.Size(shape).numel()].view(shape).normal_()


@pytest.mark.parametrize("offset", range(0, ALIGNMENT, 4))
def test_only_what_lies_across_is_copied(offset):
    tensor = lying(offset, 3, 5)
    made = aligned(tensor)
    assert made.data_ptr() % ALIGNMENT == 0
    assert torch.equal(made, tensor)
    assert (made is tensor) == (offset == 0)


def test_a_modules_parameters_stay_the_same_objects():
    module = torch.nn.Linear(4, 4)
    module.weight.data, module.bias.data = lying(8, 4, 8).T[:4], lying(24, 4)  # a window, turned, and a vector
    module.register_buffer("mean", lying(4, 3))
    module.register_buffer("places", torch.arange(9)[1:])
    before = {name: (one, one.clone()) for name, one in module.state_dict(keep_vars=True).items()}
    align(module)
    for name, (one, value) in before.items():
        assert module.state_dict(keep_vars=True)[name] is one
        assert torch.equal(one, value)
        assert (one.data_ptr() % ALIGNMENT == 0) == (name != "places")  # which nothing multiplies


def drawn(card, lora):
    """Pixels as floats: plain, with a LoRA, and without it again."""
    pipelines, request = (
        here.pipelines(),
        Request(prompt="a red star", steps=1, guidance=1.0, width=64, height=64),
    )
    found = []
    for guide in (NO_GUIDE, Guide(loras=(Lora(str(lora)),)), NO_GUIDE):
        with conditioned(pipelines, card, replace(request, guide=guide)) as ready:
            asked = card.family.arguments(request.task, request)
            chance = torch.Generator().manual_seed(1)
            found.append(ready.pipeline(**asked, **ready.arguments, generator=chance, output_type="pt").images)
    return found


def same(some, others):
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


@pytest.fixture(scope="module")
def lora(sd1_folder, tmp_path_factory):
    pipeline, path = (
        here.pipelines().any_task(ModelCard.read(sd1_folder)),
        tmp_path_factory.mktemp("lora") / "x.safetensors",
    )
    return lorafiles.file(path, pipeline, lorafiles.lora, size=0.1, every=7)[0]


@pytest.fixture(scope="module")
def expected(sd1_folder, lora):
    plain, worn, again = drawn(ModelCard.read(sd1_folder), lora)
    assert torch.equal(plain, again)
    assert not torch.equal(plain, worn)
    return plain, worn, again


def test_a_longer_header_changes_no_pixel_of_a_folders_pictures(sd1_folder, lora, expected, tmp_path):
    folder, other = shutil.copytree(sd1_folder, tmp_path / "model"), Path(shutil.copy(lora, tmp_path / "x.safetensors"))
    for by in range(8, 64, 8):
        shifted(tmp_path, 8)
        assert same(drawn(ModelCard.read(folder), other), expected), by


def test_nor_of_a_single_files_which_are_those_of_its_folder(sd1_file, sd1_folder, lora, expected, tmp_path):
    file = Path(shutil.copy(sd1_file, tmp_path / "painting.safetensors"))
    for by in (0, 8, 16):
        assert same(drawn(ModelCard.read(shifted(file, by), sd1_folder), lora), expected), by


@contextmanager
def computing():
    """While inside, the kinds of modules that compute are collected whose weights lie across, and of all others."""
    across, fine = set(), set()

    def look(module, _):
        own = [one for one in module.parameters(recurse=False) if one.is_floating_point()]
        (across if any(one.data_ptr() % ALIGNMENT for one in own) else fine).add(type(module).__name__)

    hook = register_module_forward_pre_hook(look)
    try:
        yield across, fine
    finally:
        hook.remove()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small Stable Diffusion 1, and a guide that asks for a part of each kind, all of them lying across."""
    home, picture = tmp_path_factory.mktemp("across"), small.drawing()
    card = small.sd1(home / "model")
    unet = here.pipelines().any_task(card).unet
    net, adapter = small.controlnet(home / "net", unet=unet), small.t2i_adapter(home / "adapter")
    guide = region.run(None, "a blue moon on black", "left") + Guide(
        controls=(ControlImage(net, picture), ControlImage(adapter, picture, adapter=True)),
        references=(ReferenceImage(small.ip_adapter(home / "ip", unet=unet), picture),),
        embeddings=(("<new>", small.embedding(home / "word.safetensors")),),
        vae=small.vae(home / "vae"),
    )
    shifted(home, 4)  # of 8 the library's own headers are a multiple
    return card, guide


@pytest.mark.parametrize(
    "plan",
    [
        MemoryPlan(),
        MemoryPlan(Placement.DROP),
        MemoryPlan(Placement.MODELS),
        MemoryPlan(Placement.GROUPS),
        MemoryPlan(storage=Storage.FP8),
    ],
    ids=lambda plan: f"{plan.placement.name} {plan.storage.name}",
)
def test_whatever_computes_is_aligned_wherever_it_came_from_and_is_kept(model, plan):
    card, guide = model
    pipelines = here.pipelines()
    pipelines.set_plan(card, plan, 0)
    request = Request(prompt="a red star <new> on white", steps=2, guidance=3.0, width=64, height=64, guide=guide)
    with computing() as (across, fine):
        Engine(pipelines, 7).forward(card, request)
        Engine(pipelines, 7).forward(
            card, Request(prompt="a moon", steps=2, guidance=3.0, width=64, height=64)
        )  # its encoder is read again
    assert across == set()
    assert fine >= {"UNet2DConditionModel", "ControlNetModel", "FullAdapter", "DecoderTiny", "ImageProjection"}
    assert fine >= {"CLIPTextModel", "CLIPVisionModelWithProjection"}


def test_so_is_what_a_gguf_file_leaves_whole(tmp_path):
    pytest.importorskip("gguf")
    pipeline = tiny.flux1()
    pipeline.save_pretrained(tmp_path / "base")
    shifted(tmp_path / "base", 4)
    file = makers.write_gguf(makers.tensors("flux1", pipeline.transformer), tmp_path / "x.gguf", "Q8_0")
    card, pipelines = ModelCard.read(file, tmp_path / "base"), here.pipelines()
    with computing() as (across, fine):
        Engine(pipelines).forward(card, Request(prompt="a star", steps=1, guidance=3.5, width=64, height=64))
    assert across == set()
    assert "GGUFLinear" in fine
