"""PLMS that may start at any step, as image-to-image does.

diffusers' own runs its second step twice and assumes that it has seen the first one; where a strength skips the
beginning, every later step is taken one noise level too low, and noise remains.
"""

from functools import cache
from typing import Any


@cache
def plms() -> Any:
    """The scheduler class: diffusers' PNDM with this fixed."""
    from diffusers import PNDMScheduler

    class PLMSScheduler(PNDMScheduler):  # type: ignore[misc]
        counter: int

        def step_plms(self, model_output: Any, timestep: Any, sample: Any, return_dict: bool = True) -> Any:
            begins_late = self.counter == 0 and int(timestep) != int(self.timesteps[0])
            made = super().step_plms(model_output, timestep, sample, return_dict)
            if begins_late:
                self.counter = 2  # no second look at this step is to come
            return made

    return PLMSScheduler
