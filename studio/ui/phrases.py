"""Texts that the notebook, the web app and the commands share."""

from studio.runtime.duration import duration
from studio.runtime.events import Step


def capitalised(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def progress(step: Step) -> str:
    """ "picture 2 of 4, step 3 of 20, 5 s left"; pictures from remote workers have no steps."""
    which = [f"picture {step.picture} of {step.pictures}"] if step.pictures > 1 else []
    where = [f"step {step.step} of {step.steps}"] if step.steps > 1 or not which else []
    left = [] if step.seconds_left is None else [f"{duration(step.seconds_left)} left"]
    return ", ".join([*which, *where, *left])
