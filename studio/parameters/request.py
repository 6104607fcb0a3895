"""What is asked of a model: all that a drawing step wants, in the studio's words."""

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from PIL.Image import Image

from studio.errors import InputError
from studio.parameters.conditioning import Region
from studio.parameters.sampling import Sampling
from studio.prompts.grammar import parse, without_loras

CONTROLLED: Final = MappingProxyType(
    {
        "text-to-image": "controlnet",
        "image-to-image": "controlnet-image-to-image",
        "inpaint": "controlnet-inpaint",
    }
)
"""The pipeline that draws with ControlNets, for each task."""


def check_strength(strength: float, steps: int) -> None:
    """Raise InputError about a strength that leaves none of the steps to run."""
    if int(steps * strength) < 1:
        text = f"strength {strength:g} of {steps} steps leaves none to run; raise one of them"
        raise InputError(text, {"strength": text})


@dataclass(frozen=True, kw_only=True)
class Request(Sampling):
    """One picture that a step wants from a denoising pipeline, in the studio's words.

    From noise, or from ``image``; with a ``mask`` of its size, only what is white in that changes. ``instruction`` says
    that the prompt tells what to change in the image, ``likeness`` how strictly the rest is kept. ``guide`` is what
    else shall be looked at. The picture goes on over its edges ``across`` and ``down``. A model may hand over to
    another that shares its latents: it stops after the share ``until`` of the noise, and gives latents in place of a
    picture; the other begins at ``since``, with these as its ``image``. Raises InputError where so small a share of so
    few steps leaves nothing to do.
    """

    prompt: str
    steps: int = field()  # without it the default of a Sampling would stay
    guidance: float = field()
    width: int
    height: int
    strength: float | None = None
    image: Image | None = None
    mask: Image | None = None
    instruction: bool = False
    likeness: float | None = None
    across: bool = False
    down: bool = False
    until: float | None = None
    since: float | None = None

    def __post_init__(self) -> None:
        if self.strength is not None:
            check_strength(self.strength, self.steps)

    @property
    def task(self) -> str:
        """Which of a family's pipelines this is for."""
        if self.instruction:
            return "instruct"
        plain = "inpaint" if self.mask is not None else "image-to-image" if self.image is not None else "text-to-image"
        return CONTROLLED[plain] if "ControlNet" in self.guide.asks else plain

    @property
    def running(self) -> int:
        """How many steps run: fewer than were asked for where a picture is only partly denoised."""
        return self.steps if self.strength is None else int(self.steps * self.strength)

    def with_written(self) -> "Request":
        """The request with the LoRAs that its prompts name in its guide, and no more in the prompts.

        Those in an area's prompt are the area's. Raises InputError for one in the negative prompt.
        """
        if unwanted := parse(self.negative_prompt).loras:
            raise InputError(f"<lora:{unwanted[0]}> is in the negative prompt; write it in the prompt, or take it out")
        guide = replace(
            self.guide,
            loras=self.guide.loras + parse(self.prompt).loras,
            regions=tuple(_with_written(region) for region in self.guide.regions),
        )
        return replace(self, prompt=without_loras(self.prompt), guide=guide)


def _with_written(region: Region) -> Region:
    loras = region.loras + parse(region.prompt).loras
    return replace(region, prompt=without_loras(region.prompt), loras=loras)
