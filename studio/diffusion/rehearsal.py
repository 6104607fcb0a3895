"""An engine that draws nothing: a workflow orders from it all that it would draw, and gets blank pictures."""

from PIL import Image

from studio.diffusion.engine import Engine, Look
from studio.diffusion.pipelines import Pipelines
from studio.diffusion.sample_request import Order
from studio.diffusion.workload import Tally
from studio.library import Library
from studio.models.adapters import Part


class Rehearsal(Engine):
    """No model is loaded. The tally has the work of it afterwards."""

    @classmethod
    def of(cls, library: Library, seed: int, tally: Tally) -> "Rehearsal":
        return cls(Pipelines(library), seed, draw=tally.counting(_blank))

    def see(self, look: Look, part: Part, picture: Image.Image) -> Image.Image:  # noqa: ARG002
        return picture


def _blank(order: Order) -> Image.Image:
    return Image.new("RGB", (order.request.width, order.request.height))
