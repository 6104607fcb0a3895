"""A callback after each step, for any pipeline.

Not every pipeline has one, but each calls its sampler's ``step`` once for each step.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any

from studio.diffusion.not_finite import LatentCheck
from studio.diffusion.patch import patched

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor

OnStep = Callable[[int, int, "Tensor"], None]
"""Called with the step's number, from 1, the number of steps, and the sampler's present prediction of the clean
latents.
"""


@contextmanager
def step_callback(pipeline: "DiffusionPipeline", on_step: OnStep) -> Iterator[None]:
    """While inside, ``on_step`` is called after each step of the pipeline's sampler; an exception from it stops the
    run.

    So does NotFinite, once the latents are no longer finite.
    """
    scheduler, latents, done = pipeline.scheduler, LatentCheck(), 0
    step, signature_of_step = scheduler.step, signature(scheduler.step)

    @wraps(step)
    def step_and_report(*args: Any, **kwargs: Any) -> Any:
        nonlocal done
        bound = signature_of_step.bind(*args, **kwargs).arguments
        result = step(*args, **kwargs)
        done += 1
        steps = getattr(pipeline, "_num_timesteps", None) or len(scheduler.timesteps)
        latents.after(done, steps, _outputs(result)[0])
        on_step(done, steps, _clean_latents(scheduler, bound["model_output"], bound["sample"], result))
        return result

    with patched(scheduler, "step", lambda _: step_and_report):
        try:
            yield
            latents.check()
        except BaseException:
            pipeline.maybe_free_model_hooks()  # a pipeline that ends normally does this itself
            raise


def _clean_latents(scheduler: Any, prediction: "Tensor", before: "Tensor", result: Any) -> "Tensor":
    """The predicted clean latents.

    Samplers return them as the second of a step's results, or keep them, as multistep samplers do; with flow matching
    they follow from the velocity. Otherwise the latents after the step take their place.
    """
    outputs = _outputs(result)
    if len(outputs) > 1:
        trigonometric = scheduler.config.get("prediction_type") == "trigflow"  # whose data are scaled
        return outputs[1] / (scheduler.config.sigma_data if trigonometric else 1)
    kept = getattr(scheduler, "model_outputs", None)
    if kept and kept[-1] is not None:
        return kept[-1]  # type: ignore[no-any-return]
    if scheduler.__class__.__name__.startswith("FlowMatch"):
        straight: Tensor = before - scheduler.sigmas[scheduler.step_index - 1].to(before) * prediction
        return straight
    return outputs[0]


def _outputs(result: Any) -> "tuple[Tensor, ...]":
    """The results of a sampler's step: the latents after it, and with some samplers the clean ones."""
    outputs: tuple[Tensor, ...] = result if isinstance(result, tuple) else result.to_tuple()
    return outputs
