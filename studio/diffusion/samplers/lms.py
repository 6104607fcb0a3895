"""LMS, linear multistep, without SciPy, which diffusers' own needs.

As k-diffusion's ``sample_lms``: the next sample from the derivatives at up to four noise levels, through which a
polynomial is fitted and integrated; a polynomial's integral needs no quadrature.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

_ORDER: Final = 4


def coefficients(levels: Sequence[float], to: float) -> list[float]:
    """The weight of each derivative for the step from the first of ``levels``, the latest one, to ``to``."""
    from numpy.polynomial import Polynomial

    found = []
    for level in levels:
        others = [other for other in levels if other != level]
        through = Polynomial.fromroots(others) if others else Polynomial([1.0])
        whole = (through / through(level)).integ()
        found.append(float(whole(to) - whole(levels[0])))
    return found


@cache
def lms() -> Any:
    """The scheduler class: Euler's noise levels, and a multistep ``step``."""
    from diffusers import EulerDiscreteScheduler

    class LMSScheduler(EulerDiscreteScheduler):  # type: ignore[misc]
        def set_timesteps(self, *args: Any, **kwargs: Any) -> None:
            super().set_timesteps(*args, **kwargs)
            self._directions: list[Any] = []

        def step(self, model_output: Any, timestep: Any, sample: Any, return_dict: bool = True) -> Any:
            made = super().step(model_output, timestep, sample)
            at = self.step_index - 1
            levels = self.sigmas[max(at - _ORDER + 1, 0) : at + 2].tolist()[::-1]
            direction = (sample.float() - made.pred_original_sample.float()) / levels[1]
            self._directions = [direction, *self._directions][: min(_ORDER, len(levels) - 1)]
            counted = coefficients(levels[1 : len(self._directions) + 1], levels[0])
            moved = sum(each * how for each, how in zip(self._directions, counted, strict=True))
            made.prev_sample = (sample.float() + moved).to(model_output.dtype)
            return made if return_dict else (made.prev_sample, made.pred_original_sample)

    return LMSScheduler
