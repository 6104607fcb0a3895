"""A prompt assembled from a template."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from studio.diffusion.engine import Engine
from studio.parameters.types import Kind
from studio.plugins import unknown

FIELDS: Final = ("subject", "style", "colour", "background", "detail")
_FIELD = re.compile(r"\{([^{}]*)\}")


def _template(text: str) -> str:
    for field in _FIELD.findall(text):
        if field not in FIELDS:
            raise ValueError(unknown("field", field, FIELDS))
    if re.search("[{}]", _FIELD.sub("", text)):
        raise ValueError("a brace has no partner; write fields as {subject}")
    return text


Template = Annotated[
    str,
    AfterValidator(_template),
    Field(max_length=2_000, title="Template", description="The prompt, with {subject} and other fields in it."),
    Kind("text"),
]
_Words = Annotated[str, Field(max_length=2_000), Kind("text")]
Subject = Annotated[_Words, Field(title="Subject", description="What the picture shows.")]
Style = Annotated[_Words, Field(title="Style", description="How it is drawn.")]
ColourWord = Annotated[_Words, Field(title="Colour", description="A colour in words, such as red or navy.")]
Background = Annotated[_Words, Field(title="Background", description="The colour behind it, in words.")]
Detail = Annotated[_Words, Field(title="Detail", description="What else is said of it.")]


def run(
    engine: Engine,  # noqa: ARG001 every step is values one
    template: Template,
    subject: Subject = "",
    style: Style = "",
    colour: ColourWord = "",
    background: Background = "",
    detail: Detail = "",
) -> str:
    """The template with its fields filled in, single spaces, and "an" in place of "a" before a vowel."""
    values = dict(zip(FIELDS, (subject, style, colour, background, detail), strict=True))
    words = " ".join(_FIELD.sub(lambda field: values[field[1]], template).split())
    return re.sub(r"\b([Aa]) (?=[aeiouAEIOU])", r"\1n ", words)
