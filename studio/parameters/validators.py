"""Validators of the types of inputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL.Image import Image
from pydantic import BeforeValidator, ValidationInfo

from studio.errors import InputError
from studio.images.image_file import open_image
from studio.parameters.value_lists import Axis, listed
from studio.prompts.lora import Lora


def readable_picture(value: str | Path | Image, info: ValidationInfo) -> Any:
    """A path must be a readable picture; one that a step made stays as it is.

    Where the validation context is a function that opens pictures, the value becomes its result.
    """
    if isinstance(value, Image):
        return value
    try:
        image = (info.context or open_image)(value)
    except InputError as error:
        raise ValueError(str(error)) from None
    return image if info.context else str(value)


def one_of(choices: Sequence[str | int | float]) -> BeforeValidator:
    """Reads a choice from its text: "2" from a command line becomes the choice 2."""
    known = {str(choice): choice for choice in choices}
    return BeforeValidator(lambda value: known.get(value, value) if isinstance(value, str) else value)


def hex_colour(value: str) -> str:
    """ "#rrggbb" from that form, or from a name that CSS knows."""
    from PIL import ImageColor

    try:
        levels: tuple[int, ...] = ImageColor.getrgb(value)
    except ValueError:
        levels = ()
    if len(levels) != 3:
        raise ValueError(f"'{value}' is not a colour; write #rrggbb or a name such as navy")
    return "#" + bytes(levels).hex()


def axis_text(value: str) -> str:
    """Text that is an axis, or empty."""
    try:
        if value.strip():
            Axis.parse(value)
    except InputError as error:
        raise ValueError(str(error)) from None
    return value


def normal_lora(text: str) -> str:
    """A LoRA in its normal form."""
    try:
        return str(Lora.parse(text))
    except InputError as error:
        raise ValueError(str(error)) from None


def as_list(value: Any) -> Any:
    """Text as the list of its values."""
    return listed(value) if isinstance(value, str) else value
