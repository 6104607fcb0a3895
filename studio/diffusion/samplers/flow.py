"""Samplers for flow matching that use exactly the noise levels of the model's own sampler.

These levels include everything that belongs to a model: its shift, fixed or growing with the picture's size, and where
it ends. diffusers' other solvers would compute them again from fewer flags, so only their steps are used.
"""

from functools import cache
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from studio.diffusion import libraries
from studio.diffusion.samplers.schedules import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diffusers import SchedulerMixin
    from torch import Tensor

_NEARLY_ONE: Final = 1 - 1e-6  # log(1 - sigma) must stay finite
_SOLVER: Final = {"solver_order": 2, "prediction_type": "flow_prediction", "lower_order_final": True,
                  "thresholding": False, "final_sigmas_type": "zero"}  # fmt: skip
_FLAGS: Final = {
    "FlowMatchHeunDiscreteScheduler": {},
    "DPMSolverMultistepScheduler": _SOLVER | {"algorithm_type": "dpmsolver++", "solver_type": "midpoint"},
    "UniPCMultistepScheduler": _SOLVER | {"solver_type": "bh2", "predict_x0": True},
}
_PIPELINES_ASK: Final = (
    "use_dynamic_shifting", "shift", "base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len",
    "shift_terminal",
)  # fmt: skip


def sampler(name: str, own: "SchedulerMixin", *, beta: bool = False) -> "SchedulerMixin":
    """A new scheduler of the diffusers class ``name`` on the noise levels of the model's ``own``.

    With ``beta`` the levels follow the Beta schedule of ``schedules``.
    """
    euler = _euler(own)
    kind: Any = type(euler)
    levels: SchedulerMixin = _on_beta(kind).from_config(euler.config) if beta else euler
    if name == kind.__name__:
        return levels
    fresh = _on_levels(name)(num_train_timesteps=levels.config.num_train_timesteps, **_FLAGS[name])
    fresh.levels = levels
    fresh.register_to_config(**{key: flag for key, flag in levels.config.items() if key in _PIPELINES_ASK})
    return fresh


def _euler(own: "SchedulerMixin") -> "SchedulerMixin":
    """Euler with the model's flags: its own, or one with the shift of another flow scheduler."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    if isinstance(own, FlowMatchEulerDiscreteScheduler):
        return type(own).from_config(own.config)
    config = own.config
    shift = config.get("flow_shift", config.get("shift", 1.0))
    dynamic = config.get("use_dynamic_shifting", False)
    return FlowMatchEulerDiscreteScheduler(config.num_train_timesteps, shift=shift, use_dynamic_shifting=dynamic)


def _evenly(steps: int) -> "Sequence[float]":
    """From 1 to one step above 0, as most pipelines ask. By default Euler ends slightly above 0, and from there a
    second-order step would overshoot.
    """
    return [1 - step / steps for step in range(steps)]


@cache
def _on_beta(scheduler: Any) -> Any:
    """The model's Euler, with the even spacing that pipelines ask for mapped to the quantiles of Beta."""
    import numpy as np

    class OnBeta(scheduler):  # type: ignore[misc]
        def set_timesteps(
            self,
            num_inference_steps: int | None = None,
            device: Any = None,
            sigmas: "Sequence[float] | None" = None,
            mu: float | None = None,
            timesteps: "Sequence[float] | None" = None,  # noqa: ARG002 the library's
        ) -> None:
            even = _evenly(num_inference_steps or 1) if sigmas is None else sigmas
            super().set_timesteps(device=device, sigmas=quantiles(np.asarray(even)), mu=mu)

    OnBeta.__name__ = f"{scheduler.__name__}OnBeta"
    return OnBeta


@cache
def _on_levels(name: str) -> Any:
    """The scheduler class ``name``, with the noise levels of another scheduler, ``levels``."""
    solver = getattr(libraries.diffusers(), name)
    takes_mu = "mu" in signature(solver.set_timesteps).parameters

    class OnLevels(solver):  # type: ignore[misc,valid-type]
        levels: Any

        def set_timesteps(
            self,
            num_inference_steps: int | None = None,
            device: Any = None,
            sigmas: "Sequence[float] | None" = None,
            mu: float | None = None,
            timesteps: "Sequence[float] | None" = None,
        ) -> None:
            if sigmas is None and timesteps is None and num_inference_steps:
                sigmas = _evenly(num_inference_steps)
            self.levels.set_timesteps(num_inference_steps, device, sigmas, mu, timesteps)
            arguments = {"mu": mu} if takes_mu and self.config.use_dynamic_shifting else {}
            super().set_timesteps(len(self.levels.timesteps), device=device, **arguments)  # clears what it remembers
            self._take_levels()

        def _take_levels(self) -> None:
            """Second-order solvers such as Heun's visit each level but the first twice."""
            import torch

            twice = 1 if solver.order == 1 else 2
            times, sigmas = self.levels.timesteps, self.levels.sigmas
            self.timesteps = torch.cat([times[:1], times[1:].repeat_interleave(twice)])
            inner = sigmas[1:-1].repeat_interleave(twice)
            self.sigmas = torch.cat([sigmas[:1], inner, sigmas[-1:]]).clamp(max=_NEARLY_ONE).cpu()

        def _sigma_to_alpha_sigma_t(self, sigma: "Tensor") -> "tuple[Tensor, Tensor]":
            return 1 - sigma, sigma

        def scale_noise(self, sample: "Tensor", timestep: "Tensor", noise: "Tensor") -> "Tensor":
            """The start of image-to-image: the picture with the noise of ``timestep``."""
            scaled: Tensor = self.levels.scale_noise(sample, timestep, noise)
            return scaled

    OnLevels.__name__ = f"{solver.__name__}OnLevels"
    return OnLevels
