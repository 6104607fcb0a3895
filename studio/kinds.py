"""The vocabulary of inputs: what may be asked, with bounds, units and words for people.

A step's signature is written in these types. ``Kind`` tells every surface which control suits
the value; ``Field`` holds the bounds, the label and the help text. There is no other place
where a bound is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from studio.errors import InputError
from studio.imagefile import open_image

OWN_SAMPLER: Final[Literal["model's own"]] = "model's own"


@dataclass(frozen=True)
class Kind:
    """Which control an input wants: prompt, text, number, slider, choice, size, picture, model …

    ``many`` of them, where the input takes a list.
    """

    name: str
    unit: str = ""
    many: bool = False


class Size(NamedTuple):
    """Width and height in pixels, written "512x768"."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @classmethod
    def parse(cls, value: Any) -> "Size":
        """From "512x768" or a pair; each side 64 to 2048, a multiple of 8."""
        sides = value.lower().replace("×", "x").split("x") if isinstance(value, str) else value
        try:
            width, height = (int(side) for side in sides)
        except (TypeError, ValueError):
            raise ValueError("write a size as WIDTHxHEIGHT, for example 512x768") from None
        if not all(64 <= side <= 2048 and side % 8 == 0 for side in (width, height)):
            raise ValueError("each side must be 64 to 2048 pixels and a multiple of 8")
        return cls(width, height)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            json_schema_input_schema=core_schema.str_schema(pattern=r"^\d+x\d+$"),
            serialization=core_schema.to_string_ser_schema(),
        )


SIZES: Final = (
    ("Square", Size(256, 256)),
    ("Portrait", Size(256, 384)),
    ("Landscape", Size(384, 256)),
    ("Wide", Size(448, 256)),
    ("Large square", Size(512, 512)),
)
"""Sizes that surfaces offer; any other may be written."""


def _readable(value: str | Path | Sequence[Any]) -> Any:
    """A path must be a picture we can read; pictures that a step made pass as they are."""
    if not isinstance(value, str | Path):
        return value
    try:
        open_image(value)
    except InputError as error:
        raise ValueError(str(error)) from None
    return str(value)


Prompt = Annotated[str, Field(max_length=10_000, title="Prompt", description="What the picture shows."), Kind("prompt")]
NegativePrompt = Annotated[
    str,
    Field(max_length=10_000, title="Negative prompt", description="What the picture should not show."),
    Kind("prompt"),
]
ModelRef = Annotated[
    str,
    Field(min_length=1, title="Model", description="A model's name, or the folder of one."),
    Kind("model"),
]
Sampler = Annotated[
    Literal["model's own", "DDIM", "Euler", "Euler a", "DPM++ 2M", "UniPC"],
    Field(title="Sampler", description="How noise is taken away, step by step."),
    Kind("sampler"),
]
PictureSize = Annotated[Size, Field(title="Size", description="Width and height of the picture."), Kind("size", "px")]
Steps = Annotated[
    int,
    Field(ge=1, le=150, title="Steps", description="More steps take longer and settle details."),
    Kind("slider"),
]
Guidance = Annotated[
    float,
    Field(ge=0, le=30, title="Guidance", description="How strictly the prompt is followed."),
    Kind("slider"),
]
Strength = Annotated[
    float,
    Field(ge=0.01, le=1, title="Strength", description="How much the picture may change; 1 ignores it."),
    Kind("slider"),
]
Picture = Annotated[
    str | Path | Sequence[Any],
    AfterValidator(_readable),
    WithJsonSchema({"type": "string", "format": "path"}),
    Field(title="Picture", description="The picture to start from."),
    Kind("picture"),
]
Seed = Annotated[
    int,
    Field(ge=0, le=2**32 - 1, title="Seed", description="The same seed gives the same picture."),
    Kind("seed"),
]
NewSeed = Annotated[
    int | None,
    Field(ge=0, le=2**32 - 1, title="Seed", description="The same seed gives the same picture; none draws a new one."),
    Kind("seed"),
]
Count = Annotated[int, Field(ge=1, le=1000, title="Pictures", description="How many pictures to make."), Kind("number")]


def kind_of(metadata: Sequence[Any]) -> Kind:
    """The Kind among a field's metadata; plain text where a step names none."""
    return next((item for item in metadata if isinstance(item, Kind)), Kind("text"))
