"""A model family: all models of one architecture."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from studio.families.base.capabilities import Capabilities
from studio.families.base.detection import Detection, Shapes, without_prefix
from studio.families.base.pipelines import TaskPipelines
from studio.families.base.training import LoraTraining
from studio.parameters.request import Request


@dataclass(frozen=True)
class Family:
    """What all models of one architecture have in common.

    ``source`` is a public repository with such a model in diffusers' layout. ``training`` is None where LoRAs cannot be
    trained yet. ``variants`` are the family again for each variant that differs; see ``of``.
    """

    name: str
    title: str
    detection: Detection
    pipelines: TaskPipelines
    capabilities: Capabilities
    training: LoraTraining | None = None
    source: str = ""
    variants: "Mapping[str, Family]" = field(default_factory=lambda: MappingProxyType({}))

    def of(self, variant: str) -> "Family":
        """The family for one variant; the family itself where the variant does not differ."""
        return self.variants.get(variant, self)

    def recognise(self, shapes: Shapes, *, in_diffusers: bool = False) -> str | None:
        """The variant of a single file with these tensors; None where it belongs to another family.

        ``in_diffusers`` reads their names as diffusers' names, of a file that holds a denoiser alone.
        """
        own = {without_prefix(name): shape for name, shape in shapes.items()}
        each = (self, *self.variants.values())
        tables = [one.detection.original_shapes(own) for one in each] if in_diffusers else [own]
        found = (self.detection.by_tensors(table) for table in tables)
        return next((variant for variant in found if variant is not None), None)

    def arguments(self, task: str, request: Request) -> dict[str, Any]:
        """The pipeline's keyword arguments for a request, without pictures."""
        arguments: dict[str, Any] = {"prompt": request.prompt, "num_inference_steps": request.steps}
        if self.capabilities.negative_prompt:
            arguments["negative_prompt"] = request.negative_prompt
        if guidance := self.capabilities.guidance_argument:
            arguments[guidance] = request.guidance
        if task not in self.pipelines.size_from_image:
            arguments |= {"width": request.width, "height": request.height}
        if request.strength is not None and request.image is not None:
            arguments["strength"] = request.strength
        return arguments | self.pipelines.extra_arguments(request)
