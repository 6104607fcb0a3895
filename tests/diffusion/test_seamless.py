from dataclasses import replace

import numpy as np
import pytest
import torch

from studio.diffusion.engine import Engine
from studio.diffusion.seamless import seamless
from studio.errors import InputError
from studio.parameters.sampling import Sampling
from studio.steps import generate, tile
from tests import here
from tests.diffusion import small

SMALL = {"steps": 2, "size": (64, 64)}


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


def seams(image):
    """How much stronger the edge is where the picture meets itself than the strongest inside: across, down."""
    pixels = np.asarray(image).astype(float)
    for axis in (1, 0):
        inside = np.abs(np.diff(pixels, axis=axis)).mean(axis=(1 - axis, 2))
        wrapped = np.abs(pixels.take(0, axis) - pixels.take(-1, axis)).mean()
        yield wrapped / inside.max()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_tile_has_no_seam(engine, seed):
    image = tile.run(replace(engine, seed=seed), "teal waves on cream", sampling=Sampling(steps=6))
    across, down = seams(image)
    assert across <= 1
    assert down <= 1


def test_without_it_there_is_a_seam(engine):
    """Or the test above could not fail."""
    image = generate.run(engine, "gradient from black to white, left to right", sampling=Sampling(steps=6))
    across, _ = seams(image)
    assert across > 2


def test_only_the_wanted_edges_are_joined(engine):
    prompt = "gradient from black to white, diagonal"
    across, down = seams(tile.run(engine, prompt, "left and right", sampling=Sampling(steps=6)))
    assert across <= 1 < down


def test_the_next_picture_is_as_ever(engine):
    before = small.run(generate, engine, prompt="a red star on white", **SMALL)
    small.run(tile, engine, prompt="a red star on white", **SMALL)
    assert small.run(generate, engine, prompt="a red star on white", **SMALL) == before


def test_an_error_restores_too(engine):
    pipeline = engine.pipelines.get(here.card("spark"), "text-to-image")
    with pytest.raises(KeyboardInterrupt), seamless(pipeline):
        raise KeyboardInterrupt
    assert not any("_conv_forward" in vars(part) for part in [*pipeline.unet.modules(), *pipeline.vae.modules()])


DRAWN = {"steps": 4, "size": (64, 64)}


@pytest.mark.parametrize("name", ["sd1", "sdxl", "sd3", "flux1", "flux2", "chroma", "pixart", "sana", "auraflow"])
def test_a_vae_goes_on_over_the_edges(name, engine, card):
    """The picture of latents shifted round is the picture shifted round."""
    pipeline = engine.pipelines.get(card(name), "text-to-image")
    vae = pipeline.vae
    channels = next(p for n, p in vae.named_parameters() if n.startswith("decoder.conv_in") and p.ndim == 4).shape[1]
    latents = torch.randn(1, channels, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad(), seamless(pipeline):
        one, other = vae.decode(latents).sample, vae.decode(latents.roll((3, 5), (2, 3))).sample
    scale = one.shape[-1] // 8
    assert torch.allclose(one.roll((3 * scale, 5 * scale), (2, 3)), other, atol=1e-4)


@pytest.mark.parametrize("name", ["sd3", "flux1", "flux2", "chroma", "pixart", "sana", "auraflow", "lumina2"])
def test_a_transformer_draws_tiles_and_then_as_ever(name, engine, card):
    model = card(name)
    asked = {"model": str(model.path), "guidance": model.family.capabilities.defaults.guidance, **DRAWN}
    before = small.run(generate, engine, prompt="waves", **asked)
    made = [
        small.run(tile, engine, prompt="waves", joins=joins, **asked)
        for joins in ("all sides", "left and right", "top and bottom")
    ]
    assert len({picture.tobytes() for picture in (before, *made)}) == 4
    assert small.run(generate, engine, prompt="waves", **asked) == before


def test_a_transformer_is_shown_each_place_at_the_edge(engine, card):
    """Over the steps; and what it says is put back where it belongs."""
    pipeline = engine.pipelines.get(card("sd3"), "text-to-image")
    marked, seen = torch.zeros(1, 16, 8, 8), []
    marked[0, 0, 2, 3] = 1
    own = pipeline.transformer.forward
    pipeline.transformer.forward = lambda hidden_states: (
        seen.append(hidden_states[0, 0].argmax().item()),
        (hidden_states,),
    )[1]
    try:
        with seamless(pipeline):
            made = [pipeline.transformer(marked)[0] for _ in range(40)]
    finally:
        pipeline.transformer.forward = own
    assert all(torch.equal(one, marked) for one in made)
    assert len({place % 8 for place in seen}) == len({place // 8 for place in seen}) == 8


@pytest.mark.parametrize("name", ["qwen_image", "z_image"])
def test_a_model_that_cannot_says_so(name, engine, card):
    model = card(name)
    with pytest.raises(InputError, match="cannot draw a seamless picture"):
        small.run(
            tile,
            engine,
            prompt="waves",
            model=str(model.path),
            guidance=model.family.capabilities.defaults.guidance,
            **DRAWN,
        )


def test_tiles_that_go_on_over_other_edges_never_share_a_pass(engine):
    """Nor does a picture that has edges; each is as it is alone."""
    joins = {1: "all sides", 2: "left and right", 3: "top and bottom", 4: ""}

    def draw(own):
        asked = {"prompt": "teal waves on cream", "size": (64, 64), "sampling": Sampling(steps=2)}
        return tile.run(own, joins=joins[own.seed], **asked) if joins[own.seed] else generate.run(own, **asked)

    together = small.together(engine, [*joins], draw)
    assert together == [draw(replace(engine, seed=seed)) for seed in joins]
