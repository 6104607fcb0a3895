"""An engine that loads no model: it counts the work of the pictures it is asked for, and gives blank ones."""

from PIL import Image

from studio.diffusion.engine import Engine, Preprocessor
from studio.diffusion.pipelines import Pipelines
from studio.diffusion.sample_request import SampleRequest
from studio.diffusion.workload import WorkCounter
from studio.library import Library
from studio.models.adapters import Part


class DryRunEngine(Engine):
    """The counter has the work of the workflow afterwards."""

    @classmethod
    def of(cls, library: Library, seed: int, counter: WorkCounter) -> "DryRunEngine":
        return cls(Pipelines(library), seed, draw=counter.counted(_blank))

    def preprocess(self, preprocessor: Preprocessor, part: Part, picture: Image.Image) -> Image.Image:  # noqa: ARG002
        return picture


def _blank(sample: SampleRequest) -> Image.Image:
    return Image.new("RGB", (sample.request.width, sample.request.height))
