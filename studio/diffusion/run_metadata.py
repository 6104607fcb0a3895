"""The metadata of a forward pass: what is needed to repeat it, or to explain a difference."""

from typing import TYPE_CHECKING, Any

from studio.diffusion.memory import attention
from studio.models.card import ModelCard
from studio.parameters.request import Request
from studio.tensors import hardware

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


def pass_metadata(pipeline: "DiffusionPipeline", card: ModelCard, request: Request) -> dict[str, Any]:
    """Model, task, device, threads, precision, attention, and the sampler with all its flags, as plain JSON."""
    import torch

    return {
        "model": card.name,
        "task": request.task,
        "device": hardware.device_name(pipeline._execution_device),
        "threads": torch.get_num_threads(),
        "precision": str(pipeline.dtype).removeprefix("torch."),
        "attention": attention.in_use(pipeline),
        "sampler": _sampler(pipeline.scheduler),
    }


def _sampler(scheduler: Any) -> dict[str, Any]:
    flags = {key: value for key, value in scheduler.config.items() if key[0] != "_" and value is not None}
    plain = {key: value if isinstance(value, str | bool | int | float) else str(value) for key, value in flags.items()}
    return {"class": type(scheduler).__name__, **dict(sorted(plain.items()))}
