"""Samplers by the names people know, each built from the model's own noise schedule.

Building from another scheduler's configuration would carry its flags along (clipping, Karras
sigmas), so only the schedule is taken over and every other flag is set here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from studio.kinds import OWN_SAMPLER

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline, SchedulerMixin

_SCHEDULE: Final = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
)

_EVERYWHERE: Final = {"timestep_spacing": "trailing", "steps_offset": 1}
_SECOND_ORDER: Final = {"solver_order": 2, "use_karras_sigmas": False}

SAMPLERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = MappingProxyType(
    {
        "DDIM": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": True}),
        "Euler": ("EulerDiscreteScheduler", {"use_karras_sigmas": False}),
        "Euler a": ("EulerAncestralDiscreteScheduler", {}),
        "DPM++ 2M": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", **_SECOND_ORDER}),
        "UniPC": ("UniPCMultistepScheduler", {"solver_type": "bh2", **_SECOND_ORDER}),
    }
)


def build(name: str, own: "SchedulerMixin") -> "SchedulerMixin":
    """A fresh scheduler called ``name`` on the noise schedule of the model's ``own``."""
    import diffusers

    if name == OWN_SAMPLER:
        return type(own).from_config(own.config)
    class_name, flags = SAMPLERS[name]
    schedule = {key: own.config[key] for key in _SCHEDULE if key in own.config}
    scheduler: SchedulerMixin = getattr(diffusers, class_name)(**schedule, **_EVERYWHERE, **flags)
    return scheduler


@contextmanager
def swapped(pipeline: "DiffusionPipeline", name: str) -> Iterator[None]:
    """While inside, the pipeline uses a fresh sampler called ``name``; after, its own again."""
    own, pipeline.scheduler = pipeline.scheduler, build(name, pipeline.scheduler)
    try:
        yield
    finally:
        pipeline.scheduler = own
