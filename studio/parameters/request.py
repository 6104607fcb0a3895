"""A request to a model: everything that a drawing step wants, in the studio's own terms."""

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
"""The task with ControlNets for each task."""


def check_strength(strength: float, steps: int) -> None:
    """Raise InputError for a strength that leaves no step to run."""
    if int(steps * strength) < 1:
        text = f"strength {strength:g} of {steps} steps leaves none to run; raise one of them"
        raise InputError(text, {"strength": text})


@dataclass(frozen=True, kw_only=True)
class Request(Sampling):
    """One picture that a step requests from a denoising pipeline.

    It is drawn from noise, or from ``image``; with a ``mask`` of its size, only the white part changes. With
    ``instruction`` the prompt says what to change in the image, and ``likeness`` how strictly the rest is kept.
    ``guide`` is the conditioning besides the prompt. The picture tiles ``across`` and ``down``.

    A model can hand over to another that shares its latents: it stops at the share ``denoising_end`` of the noise and
    gives latents; the other starts at ``denoising_start``, with them as its ``image``.

    Raises InputError where the strength leaves no step to run.
    """

    prompt: str
    steps: int = field()  # required here: it has a default in Sampling
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
    denoising_end: float | None = None
    denoising_start: float | None = None

    def __post_init__(self) -> None:
        if self.strength is not None:
            check_strength(self.strength, self.steps)

    @property
    def task(self) -> str:
        """The task, for which a family has a pipeline class."""
        if self.instruction:
            return "instruct"
        plain = "inpaint" if self.mask is not None else "image-to-image" if self.image is not None else "text-to-image"
        return CONTROLLED[plain] if "ControlNet" in self.guide.features else plain

    @property
    def steps_run(self) -> int:
        """How many steps run: fewer than ``steps`` where a picture is only partly denoised."""
        return self.steps if self.strength is None else int(self.steps * self.strength)

    def with_prompt_loras(self) -> "Request":
        """The request with the LoRAs of its prompts moved into its guide.

        Those in an area's prompt become the area's. Raises InputError for one in the negative prompt.
        """
        if unwanted := parse(self.negative_prompt).loras:
            raise InputError(f"<lora:{unwanted[0]}> is in the negative prompt; write it in the prompt, or take it out")
        guide = replace(
            self.guide,
            loras=self.guide.loras + parse(self.prompt).loras,
            regions=tuple(_with_prompt_loras(region) for region in self.guide.regions),
        )
        return replace(self, prompt=without_loras(self.prompt), guide=guide)


def _with_prompt_loras(region: Region) -> Region:
    loras = region.loras + parse(region.prompt).loras
    return replace(region, prompt=without_loras(region.prompt), loras=loras)
