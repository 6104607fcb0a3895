"""Previews: the right colours, from the right latents, at little cost."""

import io

import numpy as np
import pytest
from PIL import Image

from studio.diffusion.engine import Engine
from studio.diffusion.preview import Previews, jpegs
from studio.parameters.request import Request
from tests import here


@pytest.fixture(scope="module")
def pipelines():
    return here.pipelines()


def test_the_map_gives_about_the_colours_the_decoder_gives(pipelines):
    import torch

    card = here.card("spark")
    vae, colours = pipelines.get(card, "text-to-image").vae, pipelines.latent_colours(card)
    for rgb in ((222, 52, 56), (26, 42, 100), (250, 232, 196)):
        pixels = torch.tensor(rgb).float().view(1, 3, 1, 1).expand(1, 3, 256, 256) / 127.5 - 1
        with torch.no_grad():
            (jpeg,) = jpegs(vae.encode(pixels).latents, colours)
        shown = np.asarray(Image.open(io.BytesIO(jpeg)))[100:150, 100:150].mean((0, 1))
        assert np.abs(shown - rgb).max() < 60


@pytest.mark.parametrize("sampler", ["model's own", "Euler", "Euler a", "DPM++ 2M", "UniPC"])
def test_every_sampler_can_be_looked_at(pipelines, sampler, monkeypatch):
    monkeypatch.setattr("studio.diffusion.preview._PAUSE", 0)
    monkeypatch.setattr("studio.diffusion.preview._SHARE", 1e9)
    shown = []
    engine = Engine(pipelines, 3, show=shown.append)
    request = Request(
        prompt="a red circle on white",
        steps=4,
        guidance=2.0,
        width=256,
        height=256,
        sampler=sampler,
    )
    final = engine.denoise(here.card("spark"), request)
    assert len(shown) == 4
    last = np.asarray(Image.open(io.BytesIO(shown[-1]))).astype(int)
    assert np.abs(last - np.asarray(final).astype(int)).mean() < 40


def test_watching_does_not_change_the_picture(pipelines):
    request = Request(prompt="a red circle on white", steps=3, guidance=2.0, width=128, height=128, sampler="DDIM")
    card = here.card("spark")
    watched = Engine(pipelines, 3, show=lambda jpeg: None).denoise(card, request)
    alone = Engine(pipelines, 3).denoise(card, request)
    assert watched == alone


def test_a_dear_preview_is_followed_by_a_long_pause(monkeypatch):
    import torch

    now = [100.0]
    monkeypatch.setattr("studio.diffusion.preview.time.monotonic", lambda: now[0])

    def show(n, jpeg):
        now[0] += 0.3  # a slow preview

    previews = Previews(torch.zeros(5, 3), show)
    latents, shown = torch.zeros(1, 4, 8, 8), 0
    began = now[0]
    while now[0] - began < 60:
        before = now[0]
        previews.offer(latents)
        shown += now[0] > before
        now[0] += 0.05
    assert 0.3 * shown / 60 <= 0.04
