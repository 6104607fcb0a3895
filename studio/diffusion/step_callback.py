"""Following a pipeline from step to step, whichever it is.

Not every pipeline calls back after a step, but each calls its sampler's ``step`` once for every one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any

from studio.diffusion.not_finite import Latents
from studio.diffusion.patch import patched

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor

Heard = Callable[[int, int, "Tensor"], None]
"""Given the step's number, from 1, how many there are, and the clean latents that the sampler expects by now."""


@contextmanager
def watched(pipeline: "DiffusionPipeline", heard: Heard) -> Iterator[None]:
    """While inside, ``heard`` is called after each step of the pipeline's sampler; what it raises stops the run.

    So does NotFinite, where the latents are not finite any more.
    """
    scheduler, latents, done = pipeline.scheduler, Latents(), 0
    step, names = scheduler.step, signature(scheduler.step)

    @wraps(step)
    def tapped(*arguments: Any, **named: Any) -> Any:
        nonlocal done
        given = names.bind(*arguments, **named).arguments
        result = step(*arguments, **named)
        done += 1
        steps = getattr(pipeline, "_num_timesteps", None) or len(scheduler.timesteps)
        latents.after(done, steps, _told(result)[0])
        heard(done, steps, _clean(scheduler, given["model_output"], given["sample"], result))
        return result

    with patched(scheduler, "step", lambda _: tapped):
        try:
            yield
            latents.check()
        except BaseException:
            pipeline.maybe_free_model_hooks()  # which a pipeline does itself where it comes to its end
            raise


def _clean(scheduler: Any, guess: "Tensor", before: "Tensor", result: Any) -> "Tensor":
    """The expected clean latents.

    Samplers tell them as the second of a step's results, or keep them, as the multistep ones do; in flow matching
    they lie straight ahead. Where none of this holds, the latents after the step stand in for them.
    """
    told = _told(result)
    if len(told) > 1:
        trigonometric = scheduler.config.get("prediction_type") == "trigflow"  # whose data are scaled
        return told[1] / (scheduler.config.sigma_data if trigonometric else 1)
    kept = getattr(scheduler, "model_outputs", None)
    if kept and kept[-1] is not None:
        return kept[-1]  # type: ignore[no-any-return]
    if scheduler.__class__.__name__.startswith("FlowMatch"):
        straight: Tensor = before - scheduler.sigmas[scheduler.step_index - 1].to(before) * guess
        return straight
    return told[0]


def _told(result: Any) -> "tuple[Tensor, ...]":
    """What a sampler's step gives: the latents after it, and in some samplers the clean ones."""
    told: tuple[Tensor, ...] = result if isinstance(result, tuple) else result.to_tuple()
    return told
