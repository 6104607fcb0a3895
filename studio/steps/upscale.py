"""A larger picture: enlarged, then refined tile by tile."""

from dataclasses import replace
from typing import Annotated, Final, Literal

from PIL import Image
from pydantic import Field

from studio.engine.engine import Engine
from studio.engine.images import opened
from studio.engine.tiles import by_tiles
from studio.errors import InputError
from studio.guide import NOTHING, Guide
from studio.kinds import (
    OWN_SAMPLER,
    ClipSkip,
    Guidance,
    GuideBefore,
    Kind,
    ModelRef,
    Picture,
    Prompt,
    Sampler,
    Steps,
    Strength,
    one_of,
)
from studio.models import library
from studio.request import Request, check_strength
from studio.transparency import on_ground, with_alpha

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
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
    guide: GuideBefore = NOTHING,
    clip_skip: ClipSkip = 1,
) -> list[Image.Image]:
    """One enlarged picture for each seed; a low strength keeps it as it is and makes its edges crisp.

    A transparent one is drawn on white, and as transparent as it was.
    A prompt that names things draws them into every tile; it had better speak of style, or be empty.
    Raises InputError for a guide with outlines or areas, which no tile knows its place in.
    """
    if guide.controls or guide.regions:
        raise InputError("a picture is enlarged in tiles, which take no outlines and no areas; leave them out")
    originals = opened(image)
    if factor * max(originals[0].size) > MOST:
        raise InputError(f"{factor} times as large, the picture would be over {MOST} pixels wide or high")
    large = [_enlarged(on_ground(original), factor) for original in originals]
    made = refined(engine, large, prompt, strength, steps, guidance, sampler, model, guide, clip_skip)
    return with_alpha(made, originals)


def check(strength: float = GENTLE, steps: int | None = None) -> None:
    """Raise InputError where the strength leaves no step to run."""
    if steps:
        check_strength(strength, steps)


def refined(
    engine: Engine,
    images: list[Image.Image],
    prompt: str,
    strength: float,
    steps: int | None,
    guidance: float | None,
    sampler: str,
    model: str,
    guide: Guide,
    clip_skip: int,
) -> list[Image.Image]:
    """The pictures drawn over tile by tile at the model's own size, with what of the guide holds anywhere.

    Each tile has noise of its own: the same in all would leave the same traces at even distances.
    """
    card = library.find(model)
    suited = card.suited(steps, guidance)
    request = Request(prompt, "", *suited, *card.size, strength, sampler, clip_skip=clip_skip, guide=guide.anywhere)
    return by_tiles(
        images * (len(engine.seeds) // len(images)),
        card.size,
        lambda n, of, tiles: _for_tile(engine, n, of).denoise(card, replace(request, images=tuple(tiles))),
    )


def _for_tile(engine: Engine, n: int, of: int) -> Engine:
    """The engine for one tile, whose preview nobody would take for the picture's."""
    return replace(engine.part(n, of), show=None, seeds=tuple((seed + n) % 2**32 for seed in engine.seeds))


def _enlarged(image: Image.Image, factor: int) -> Image.Image:
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.LANCZOS)
