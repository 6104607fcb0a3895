"""A training, from pictures to a file that others read. Models are tiny, their weights random."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from studio.errors import Cancelled, InputError, ModelError
from studio.models import library
from studio.train.course import Course
from studio.train.loop import train

FAMILIES = ("sd1", "sd2", "sdxl", "sd3", "sd3_medium", "flux1", "z_image")
QUICK = {"size": None, "steps": 24, "rank": 8, "rate": 0.02}


def course(pictures: Path, model: str, **besides) -> Course:
    from studio.kinds import Size

    given = QUICK | {"size": Size(64, 64), "samples": ("a white circle on red",), "out": pictures.parent / "loras"}
    return Course(pictures, besides.pop("name", "brand"), model, **given | besides)


def trained(made: Course) -> list:
    told = []
    train(made, told.append)
    return told


@pytest.mark.parametrize("family", FAMILIES)
def test_it_learns_two_pictures_by_heart_and_draws_otherwise(family, pictures, model):
    made = course(pictures, model(family))
    last = trained(made)[-1]
    assert np.mean(last.losses[-6:]) < 0.93 * np.mean(last.losses[:6])
    first, final = (np.asarray(open_(sample.file)).astype(int) for sample in (last.samples[0], last.samples[-1]))
    assert np.abs(first - final).mean() > 1
    assert (last.over, last.step, last.seen) == ("done", 24, 48)


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_diffusers_draws_with_the_file_what_the_last_sample_shows(family, pictures, model):
    made = course(pictures, model(family), steps=6)
    sample = trained(made)[-1].samples[-1]
    drawn = plainly(made, sample.prompt)
    assert np.abs(drawn - np.asarray(open_(sample.file)).astype(int)).max() <= 2


def plainly(made: Course, prompt: str) -> np.ndarray:
    """The picture that plain diffusers draws with the trained file, at the samples' seed."""
    import torch
    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(made.model)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(str(made.out), weight_name=made.file.name)
    card = library.find(made.model)
    arguments = {"guidance_scale": card.defaults.guidance, "num_inference_steps": 2, "width": 64, "height": 64}
    picture = pipeline(prompt, generator=[torch.Generator().manual_seed(0)], **arguments).images[0]
    return np.asarray(picture).astype(int)


def open_(file: Path):
    from PIL import Image

    return Image.open(file).convert("RGB")
