"""What a model can do, each found out by doing it: the columns of the table of families.

A column is a function that is given a ``Model`` and says "yes", or "" where the family has no such thing. It asserts
that what ran ran well. A new one is added to ``COLUMNS``; ``make docs`` writes the table anew.
"""

from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from studio.diffusion import preview as previews
from studio.diffusion.conditioning.conditioned_pipeline import conditioned
from studio.diffusion.engine import Engine
from studio.diffusion.latents import decoded, decoder, unpacked
from studio.diffusion.memory.plan import MemoryPlan
from studio.diffusion.oom_retry import draw
from studio.diffusion.pipelines import Pipelines
from studio.diffusion.sample_request import SampleRequest, batch_of
from studio.diffusion.samplers import scheduler
from studio.diffusion.step_callback import step_callback
from studio.models.card import ModelCard
from studio.parameters.conditioning import NO_GUIDE, ControlImage, Guide
from studio.parameters.request import CONTROLLED, Request
from studio.prompts.lora import Lora
from tests import here
from tests.diffusion import small
from tests.families import makers
from tests.lora import lorafiles
from tests.models import original
from tests.models import small as small_models

WORDS = ("a red star", "two blue circles, and a small green triangle on a pale yellow ground, flat", "moon")
YES = "yes"
STEPS = 2


class Stopped(Exception):
    """What a test raises to stop a run."""


@dataclass(frozen=True)
class Run:
    """A picture, which steps were reported, and how many previews were shown."""

    picture: Image.Image
    heard: list[tuple[int, int]]
    shown: int


@dataclass(frozen=True)
class Model:
    """A model and what loaded it, for one row of the table."""

    card: ModelCard
    pipelines: Pipelines = field(default_factory=here.pipelines)

    @property
    def family(self):
        return self.card.family

    @property
    def task(self):
        """What the model is asked for where it does not matter: drawing from words, if it can."""
        return next(iter(self.family.pipelines.classes))

    @property
    def side(self):
        return 1024 if self.family.capabilities.fixed_area else 64

    def request(self, task=None, **changes):
        side = changes.get("width", self.side)
        noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
        mask = Image.new("L", (side, side))
        mask.paste(255, (0, 0, side // 2, side))
        task = task or self.task
        asked = {
            "prompt": "a red star",
            "negative_prompt": "",
            "steps": STEPS,
            "guidance": self.family.capabilities.defaults.guidance,
            "width": side,
            "height": side,
            "strength": None if task in ("text-to-image", "instruct") else 1.0,
            "image": None if task == "text-to-image" else Image.fromarray(noise),
            "mask": mask if task == "inpaint" else None,
            "instruction": task == "instruct",
            "likeness": 1.5,
            "guide": self.guide,
        }
        return Request(**asked | changes)

    @property
    def guide(self):
        """A picture to follow, for a model that draws nothing without one."""
        return (
            Guide(controls=(ControlImage("", small.drawing(1)),))
            if self.family.capabilities.needs_control_image
            else NO_GUIDE
        )

    def draw(self, task=None, report=lambda step, steps: None, show=None, **changes):
        engine = Engine(self.pipelines, 3, report, show)
        return engine.denoise(self.card, self.request(task, **changes))

    def followed(self, weight):
        """A guide with a ControlNet for this model, at a weight."""
        picture = np.random.default_rng(1).integers(0, 256, (self.side, self.side, 3), dtype=np.uint8)
        return Guide(controls=(ControlImage(self.control, Image.fromarray(picture), weight),))

    @cached_property
    def control(self):
        """The folder of a ControlNet with random weights, all of which do something."""
        where = self.card.path.with_name(f"{self.card.path.name}-controlnet")
        return small.controlnet(where, like=self.pipelines.any_task(self.card))

    @cached_property
    def usual(self):
        """The run that others are compared with."""
        heard, shown = [], []
        with patch.object(previews, "_PAUSE", 0), patch.object(previews, "_SHARE", 1e9):
            picture = self.draw(report=lambda step, steps: heard.append((step, steps)), show=shown.append)
        return Run(picture, heard, len(shown))


def load_folder(model):
    """Nothing of it but from its folder."""
    assert model.pipelines.get(model.card, model.task)
    return YES


def load_file(model):
    """Its weights in one file as its makers write them, the rest from its folder: the same picture."""
    name = model.card.path.name
    if name in makers.WHOLE:
        return _load_whole_file(makers.WHOLE[name](), model.card.path.with_name(f"{name}-whole"))
    file, pipeline = model.card.path.with_suffix(".safetensors"), model.pipelines.any_task(model.card)
    if not hasattr(pipeline, "transformer"):
        return ""
    save_file(makers.tensors(model.family.name, pipeline.transformer), file)
    single = Model(ModelCard.read(file, model.card.path))
    assert single.family == model.family
    assert single.draw() == model.usual.picture
    return YES


def _load_whole_file(pipeline, path):
    """Text encoders and VAE lie in the file too; weights that lie otherwise in memory are summed in another order."""
    base = Model(ModelCard.read(small_models.folder(pipeline, path)))
    single = Model(ModelCard.read(original.write(pipeline, path.with_suffix(".safetensors")), path))
    assert single.family == base.family
    drawn, expected = (np.asarray(each.draw()).astype(int) for each in (single, base))
    assert expected.std() > 10
    assert np.abs(drawn - expected).max() <= 1
    return YES


def _task(model, task):
    """The right size, the same again, and every step reported."""
    if task not in model.family.pipelines.classes:
        return ""
    heard = []
    first = model.draw(task, lambda step, steps: heard.append((step, steps)))
    again = model.usual.picture if task == model.task else model.draw(task)
    assert first.size == (model.side, model.side)
    assert first.tobytes() == again.tobytes()
    assert heard == [(step, STEPS) for step in range(1, STEPS + 1)]
    return YES


def text_to_image(model):
    return _task(model, "text-to-image")


def image_to_image(model):
    return _task(model, "image-to-image")


def inpaint(model):
    return _task(model, "inpaint")


def instruct(model):
    """Drawn from noise beside the picture, at full size."""
    return _task(model, "instruct")


def controlnet(model):
    """From words, from a picture and in a part of one: a weight of nothing is the plain picture, bit for bit."""
    tasks = [
        task
        for task in ("text-to-image", "image-to-image", "inpaint")
        if CONTROLLED[task] in model.family.pipelines.classes
    ]
    for task in tasks:
        none, one, again = (model.draw(task, guide=model.followed(weight)) for weight in (0, 1, 1))
        assert none != one == again
        assert none == model.draw(task)
    return YES if tasks else ""


def lora(model):
    """One for its denoiser shows; the next picture without is as if there had been none, bit for bit."""
    before = model.draw()
    place = model.card.path.with_name(f"{model.card.path.name}-lora") / "any.safetensors"
    path, _ = lorafiles.file(
        place, model.pipelines.any_task(model.card), lorafiles.lora, components=("unet", "transformer"), every=5
    )
    assert model.draw(guide=model.guide + Guide(loras=(Lora(str(path)),))) != before == model.draw()
    return YES


def guidance(model):
    """Its value is seen in the picture."""
    if not model.family.capabilities.guidance_argument:
        return ""
    assert model.draw(guidance=2 * model.family.capabilities.defaults.guidance) != model.usual.picture
    return YES


def negative_prompt(model):
    """Its words are seen in the picture."""
    if not model.family.capabilities.negative_prompt:
        return ""
    assert model.draw(negative_prompt="zebra") != model.draw(negative_prompt="a blue circle")
    return YES


def prompts_in_a_pass(model):
    """Different prompts, of different lengths, in one forward pass: each picture is as it is alone."""
    dark = "dark" if model.family.capabilities.negative_prompt else ""
    asked = [model.request(prompt=words, negative_prompt="" if n % 2 else dark) for n, words in enumerate(WORDS)]
    orders = [
        SampleRequest(model.pipelines, model.card, each, n, *[lambda *_: None] * 2) for n, each in enumerate(asked)
    ]
    assert batch_of(orders, 3)[1:]
    for order, picture in zip(orders, small.make(orders), strict=True):
        assert small.difference(picture, draw(order)) <= 1
    return YES


def preview(model):
    """One a step; what the sampler expects in the end is the picture, once decoded."""
    assert model.usual.shown == STEPS
    request, clean = model.request(), []
    given = {"image": request.image, "mask_image": request.mask}
    pictures = {name: one for name, one in given.items() if one}
    with (
        conditioned(model.pipelines, model.card, request) as ready,
        scheduler.sampler_in_use(pipeline := ready.pipeline, request, model.family.capabilities.noise),
        step_callback(pipeline, lambda *told: clean.append(told[2])),
    ):
        (picture,) = pipeline(**model.family.arguments(request.task, request), **pictures, **ready.arguments).images
    pixels = decoded(decoder(pipeline), unpacked(clean[-1], 1))[0]
    levels = ((pixels / 2 + 0.5) * 255).permute(1, 2, 0).numpy()
    assert np.abs(levels - np.asarray(picture)).mean() < 2
    return YES


def cancel(model):
    """Within one step; the next run is as if there had been none."""
    heard = []

    def stop(step, steps):
        heard.append(step)
        raise Stopped

    with pytest.raises(Stopped):
        model.draw(report=stop)
    assert heard == [1]
    assert model.draw() == model.usual.picture
    return YES


def vae_tiling(model):
    """The decoder works in tiles, which shows, a little."""
    vae = decoder(model.pipelines.get(model.card, model.task))
    if not hasattr(vae, "use_tiling"):
        return ""
    side = max(model.side, 8 * model.family.capabilities.size_multiple)
    whole, request = model.draw(width=side, height=side), model.request(width=side, height=side)
    _tiles(vae, side // 2)
    model.pipelines.set_plan(model.card, MemoryPlan(tiled=True), 0)
    tiled = Engine(model.pipelines, 3).forward(model.card, request)
    model.pipelines.set_plan(model.card, MemoryPlan(), 0)
    assert tiled.size == whole.size
    assert tiled != whole
    return YES


def _tiles(vae, side):
    """Tiles of that many pixels, in the words of each kind of autoencoder."""
    if hasattr(vae, "tile_latent_min_size"):
        vae.tile_latent_min_size = vae.tile_latent_min_size * side // vae.tile_sample_min_size
        vae.tile_sample_min_size = side
    elif hasattr(vae, "tile_sample_min_height"):
        vae.tile_sample_min_height = vae.tile_sample_min_width = side
        vae.tile_sample_stride_height = vae.tile_sample_stride_width = side * 3 // 4
        vae.enable_tiling()  # from which some reckon the size of their latents' tiles


def half_precision(model):
    """As on a GPU, though slower here."""
    import torch

    with patch("studio.diffusion.pipelines.pick_dtype", return_value=torch.bfloat16):
        other = Model(model.card)
        pipeline = other.pipelines.get(model.card, model.task)
        assert other.draw().size == (model.side, model.side)
    assert (getattr(pipeline, "transformer", None) or pipeline.unet).dtype == torch.bfloat16
    return YES


COLUMNS = MappingProxyType(
    {
        "load folder": load_folder,
        "load file": load_file,
        "text-to-image": text_to_image,
        "image-to-image": image_to_image,
        "inpaint": inpaint,
        "instruct": instruct,
        "ControlNet": controlnet,
        "LoRA": lora,
        "guidance": guidance,
        "negative prompt": negative_prompt,
        "prompts in a pass": prompts_in_a_pass,
        "preview": preview,
        "cancel": cancel,
        "VAE tiling": vae_tiling,
        "bfloat16": half_precision,
    }
)
