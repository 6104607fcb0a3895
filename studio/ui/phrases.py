"""How things are put into words, the same on every surface."""

from studio.runtime.duration import duration
from studio.runtime.events import Step


def capitalised(text: str) -> str:
    """With a capital at its beginning, as a line that stands alone has."""
    return text[:1].upper() + text[1:]


def progress(step: Step) -> str:
    """ "picture 2 of 4, step 3 of 20, 5 s left"; pictures made elsewhere tell of no steps."""
    which = [f"picture {step.picture} of {step.pictures}"] if step.pictures > 1 else []
    where = [f"step {step.step} of {step.steps}"] if step.steps > 1 or not which else []
    left = [] if step.seconds_left is None else [f"{duration(step.seconds_left)} left"]
    return ", ".join([*which, *where, *left])
