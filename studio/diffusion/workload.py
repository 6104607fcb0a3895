"""How much work a picture is for a model, whatever the machine: what earlier pictures took tells what others will."""

from typing import Final

from PIL.Image import Image

from studio.diffusion import libraries
from studio.diffusion.oom_retry import Draw
from studio.diffusion.sample_request import Order
from studio.diffusion.samplers.sampler_configs import DIFFUSION, FLOW
from studio.models.card import ModelCard
from studio.parameters.request import Request
from studio.prompts.grammar import parse

_BESIDES: Final = 2.0  # steps with guidance that reading words, encoding and decoding take as long as, on Spark


class Tally:
    """Adds up the work of all that is ordered."""

    def __init__(self) -> None:
        self.work = 0.0

    def counting(self, draw: Draw) -> Draw:
        """As ``draw``, but what is ordered is added up."""

        def counted(order: Order) -> Image:
            self.work += workload(order.card, order.request)
            return draw(order)

        return counted


def workload(card: ModelCard, request: Request) -> float:
    """Megapixels that are denoised for a picture; a step with guidance counts once, one without half.

    ControlNets and other parts are not counted, nor are longer prompts.
    """
    predictions = len(parse(request.prompt).parts) + len(request.guide.regions) + _is_guided(card, request)
    return request.width * request.height / 2**20 * (_calls(card, request) * predictions / 2 + _BESIDES)


def _is_guided(card: ModelCard, request: Request) -> bool:
    """Whether what the prompt asks for is held against what it would be without."""
    return bool(card.family.capabilities.guidance_argument) and request.guidance > 1


def _calls(card: ModelCard, request: Request) -> float:
    """How often the sampler asks the model: samplers of second order ask twice in each step but the last."""
    recipe = (FLOW if card.family.capabilities.noise == "flow" else DIFFUSION).get(request.sampler)
    twice = recipe is not None and getattr(getattr(libraries.diffusers(), recipe.scheduler, None), "order", 1) == 2
    steps = request.running * ((request.until or 1.0) - (request.since or 0.0))
    return 2 * steps - 1 if twice else steps
