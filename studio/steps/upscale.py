"""Upscaling: a picture is enlarged, then refined tile by tile."""

from dataclasses import replace
from typing import Annotated, Final, Literal

from PIL import Image
from pydantic import Field

from studio.diffusion.engine import Engine
from studio.diffusion.images import opened
from studio.diffusion.tiles import by_tiles
from studio.errors import InputError
from studio.images.transparency import on_ground, with_alpha
from studio.parameters.request import check_strength
from studio.parameters.sampling import AUTOMATIC, Sampling
from studio.parameters.types import Kind, Picture, Prompt, Strength
from studio.parameters.validators import one_of

Factor = Annotated[
    Literal[2, 4],
    one_of((2, 4)),
    Field(title="Factor", description="How many times as wide and as high."),
    Kind("choice"),
]
MOST: Final = 4096
GENTLE: Final = 0.1


def run(
    engine: Engine,
    image: Picture,
    factor: Factor = 2,
    prompt: Prompt = "",
    strength: Strength = GENTLE,
    sampling: Sampling = AUTOMATIC,
) -> Image.Image:
    """The enlarged picture; a low strength keeps it as it is and sharpens its edges.

    A transparent picture is drawn on white, and stays as transparent as it was. A prompt that names things draws them
    into every tile, so it should describe style, or be empty. Raises InputError for a guide with control images or
    areas, which cannot be located in a tile.
    """
    if sampling.guide.controls or sampling.guide.regions:
        raise InputError("a picture is enlarged in tiles, which take no outlines and no areas; leave them out")
    original = opened(image)
    if factor * max(original.size) > MOST:
        raise InputError(f"{factor} times as large, the picture would be over {MOST} pixels wide or high")
    large = _enlarged(on_ground(original), factor)
    return with_alpha(refined(engine, large, prompt, strength=strength, sampling=sampling), original)


def check(strength: float = GENTLE, steps: int | None = None) -> None:
    """Raise InputError where the strength leaves no step to run."""
    if steps:
        check_strength(strength, steps)


def refined(engine: Engine, image: Image.Image, prompt: str, *, strength: float, sampling: Sampling) -> Image.Image:
    """The picture redrawn tile by tile at the model's own size, with the guide's position-independent parts.

    Each tile has noise of its own: the same noise would leave the same traces at regular distances.
    """
    card = engine.card(sampling.model)
    plain = card.request(prompt, replace(sampling, guide=sampling.guide.without_positions))
    return by_tiles(
        image,
        card.size,
        lambda n, of, tile: _for_tile(engine, n, of).denoise(card, replace(plain, strength=strength, image=tile)),
    )


def _for_tile(engine: Engine, n: int, of: int) -> Engine:
    """The engine for one tile, without previews, which would show only the tile."""
    return replace(engine.part(n, of), show=None, seed=(engine.seed + n) % 2**32)


def _enlarged(image: Image.Image, factor: int) -> Image.Image:
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.LANCZOS)
