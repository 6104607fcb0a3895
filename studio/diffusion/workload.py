"""How much work a picture is for a model, on any machine: the time of earlier pictures predicts that of others."""

from typing import Final

from PIL.Image import Image

from studio.diffusion import libraries
from studio.diffusion.oom_retry import Draw
from studio.diffusion.sample_request import SampleRequest
from studio.diffusion.samplers.sampler_configs import DIFFUSION, FLOW
from studio.models.card import ModelCard
from studio.parameters.request import Request
from studio.prompts.grammar import parse

_OVERHEAD: Final = 2.0  # encoding prompts, encoding and decoding pictures, in steps with guidance; measured on Spark


class WorkCounter:
    """Adds up the work of all pictures that are drawn through it."""

    def __init__(self) -> None:
        self.work = 0.0

    def counted(self, draw: Draw) -> Draw:
        """``draw``, with the work of its pictures added up."""

        def draw_counted(sample: SampleRequest) -> Image:
            self.work += workload(sample.card, sample.request)
            return draw(sample)

        return draw_counted


def workload(card: ModelCard, request: Request) -> float:
    """Megapixels that are denoised for a picture; a step with guidance counts once, one without it half.

    ControlNets, other adapters and the length of prompts do not count.
    """
    predictions = len(parse(request.prompt).parts) + len(request.guide.regions) + _is_guided(card, request)
    return request.width * request.height / 2**20 * (_calls(card, request) * predictions / 2 + _OVERHEAD)


def _is_guided(card: ModelCard, request: Request) -> bool:
    """Whether classifier-free guidance needs a second prediction in each step."""
    return bool(card.family.capabilities.guidance_argument) and request.guidance > 1


def _calls(card: ModelCard, request: Request) -> float:
    """How often the sampler calls the denoiser: second-order samplers call it twice in each step but the last."""
    config = (FLOW if card.family.capabilities.noise == "flow" else DIFFUSION).get(request.sampler)
    twice = config is not None and getattr(getattr(libraries.diffusers(), config.scheduler, None), "order", 1) == 2
    steps = request.steps_run * ((request.denoising_end or 1.0) - (request.denoising_start or 0.0))
    return 2 * steps - 1 if twice else steps
