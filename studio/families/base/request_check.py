"""Requests are checked against what a family can do, before anything is loaded."""

from importlib.util import find_spec

from studio.errors import InputError, ModelError
from studio.families.base.family import Family
from studio.families.base.registry import titles_with
from studio.parameters.request import Request
from studio.parameters.types import Size
from studio.prompts import wildcards
from studio.prompts.grammar import parse, without_loras


def check(family: Family, request: Request) -> None:
    """Raise InputError that names the first thing the request asks for and the family cannot do.

    Raises ModelError where a package that it needs is not installed.
    """
    _check_task(family, request)
    _check_conditioning(family, request)
    _check_settings(family, request)
    for prompt in (request.prompt, request.negative_prompt):
        _check_prompt(family, prompt)
    for region in request.guide.regions:
        _check_prompt(family, region.prompt)
        if turn := parse(region.prompt).first_change():
            raise InputError(
                f"an area's prompt is the same in all steps, so '{turn}' does not work there; {_in_words(turn)}"
            )
    _check_size(family, Size(request.width, request.height))


def _check_task(family: Family, request: Request) -> None:
    if (package := family.pipelines.requires) and find_spec(package) is None:
        raise ModelError(f"{family.title} cannot run here: it needs {package}, which is not installed")
    if request.task not in family.pipelines.classes:
        others = " or ".join(titles_with(request.task)[:3])
        raise InputError(
            f"{family.title} cannot do {request.task}, only {', '.join(family.pipelines.classes) or 'nothing here'}; "
            f"choose another model{f', for example {others}' if others else ''}"
        )


def _check_conditioning(family: Family, request: Request) -> None:
    able, title = family.capabilities, family.title
    for other in sorted(request.guide.features - able.supports - {"ControlNet"}):
        raise InputError(f"{title} does not support {other}; leave it out, or choose another model")
    control_image = any(not control.part for control in request.guide.controls)
    if control_image and not able.needs_control_image:
        raise InputError(f"{title} cannot follow a picture by itself; choose a ControlNet that was made for it")
    if able.needs_control_image and not control_image:
        raise InputError(f"{title} needs a picture to follow; give it one, without a ControlNet")
    if (request.denoising_end is not None or request.denoising_start is not None) and not able.split_denoising:
        raise InputError(f"{title} cannot hand a picture over to a refiner; choose another model")


def _check_settings(family: Family, request: Request) -> None:
    able, default = family.capabilities, family.capabilities.defaults.guidance
    if request.negative_prompt and not able.negative_prompt:
        raise InputError(f"{family.title} has no negative prompt; leave it empty")
    if not able.guidance_argument and request.guidance not in {0, 1, default}:
        raise InputError(f"{family.title} has no guidance to set; leave it at {default:g}")
    if request.clip_skip > 1 and not able.prompt_weighting:
        raise InputError(f"{family.title} has no clip skip; leave it at 1")


def _check_prompt(family: Family, text: str) -> None:
    """Refuse syntax that would have no effect."""
    parsed = parse(text)
    if wildcard := wildcards.first(without_loras(text)):
        raise InputError(
            f"'{wildcard}' is a wildcard, which only workflows can have; write \\{wildcard[0]} for plain text"
        )
    if not family.capabilities.prompt_weighting and (mark := parsed.mark()):
        raise InputError(f"{family.title} reads plain words, so '{mark}' would have no effect; {_in_words(mark)}")


def _check_size(family: Family, size: Size) -> None:
    if size != (nearest := family.capabilities.nearest_size(size)):
        raise InputError(f"{family.title} does not draw {size}; {nearest} would do ({family.capabilities.size_rule})")


def _in_words(mark: str) -> str:
    """What to write in place of syntax that does not work."""
    brackets = rf", or \{mark[0]} and \{mark[-1]} where you mean brackets" if mark[0] in "([" else ""
    return f"write the words alone{brackets}"
