"""The types of inputs, with bounds, units and texts for people.

A step's signature is written in these types. ``Kind`` tells every surface which control suits a value; ``Field`` holds
the bounds, the label and the help text. Bounds are written nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from PIL.Image import Image
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    InstanceOf,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from studio.parameters.conditioning import Guide
from studio.parameters.sampler_names import SamplerName, read
from studio.parameters.validators import as_list, axis_text, hex_colour, normal_lora, readable_picture

OWN_SAMPLER: Final[Literal["model's own"]] = "model's own"


@dataclass(frozen=True)
class Kind:
    """Which control an input has: prompt, text, number, slider, choice, size, picture, model …

    ``many`` is for inputs that take several values. ``more`` puts inputs that every workflow has among the advanced
    ones.
    """

    name: str
    unit: str = ""
    many: bool = False
    more: bool = False

    @property
    def takes(self) -> str:
        """What an earlier step must return to be given to it: "pictures", "words", "a guide", or "" for nothing."""
        return _TAKES.get(self.name, "")


_TAKES: Final = {"picture": "pictures", "mask": "pictures", "prompt": "words", "text": "words", "guide": "a guide"}
PARTS: Final = ("controlnet", "ip-adapter", "vae", "embedding", "depth", "pose")
"""Kinds that choose an adapter or another model, by its name or its path."""


class Size(NamedTuple):
    """Width and height in pixels, written "512x768"."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @classmethod
    def parse(cls, value: Any) -> "Size":
        """Parse "512x768" or a pair; each side 64 to 2048, a multiple of 8."""
        return cls.read(value, 8)

    @classmethod
    def read(cls, value: Any, multiple: int) -> Self:
        """Parse "512x768" or a pair; each side 64 to 2048, a multiple of ``multiple``."""
        sides = value.lower().replace("×", "x").split("x") if isinstance(value, str) else value
        try:
            width, height = (int(side) for side in sides)
        except (TypeError, ValueError):
            raise ValueError("write a size as WIDTHxHEIGHT, for example 512x768") from None
        if not all(64 <= side <= 2048 and side % multiple == 0 for side in (width, height)):
            also = f" and a multiple of {multiple}" if multiple > 1 else ""
            raise ValueError(f"each side must be 64 to 2048 pixels{also}")
        return cls(width, height)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            json_schema_input_schema=core_schema.str_schema(pattern=r"^\d+x\d+$"),
            serialization=core_schema.to_string_ser_schema(),
        )


class ExactSize(Size):
    """A final size, to which a picture is cropped; a model need not be able to draw it."""

    @classmethod
    def parse(cls, value: Any) -> "ExactSize":
        """Parse "1200x630" or a pair; each side 64 to 2048."""
        return cls.read(value, 1)


SIZES: Final = (
    ("Square", Size(256, 256)),
    ("Portrait", Size(256, 384)),
    ("Landscape", Size(384, 256)),
    ("Wide", Size(448, 256)),
    ("Large square", Size(512, 512)),
)
"""Sizes that surfaces offer; others can be typed."""


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
    SamplerName,
    BeforeValidator(read),
    Field(title="Sampler", description="How noise is taken away, step by step."),
    Kind("sampler"),
]
Text = Annotated[str, Field(max_length=2_000, title="Text", description="Plain words."), Kind("text")]
Toggle = Annotated[bool, Field(title="On", description="On or off."), Kind("toggle")]
Colour = Annotated[
    str,
    AfterValidator(hex_colour),
    Field(title="Colour", description="As #rrggbb, or a name such as navy."),
    Kind("colour"),
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
Eta = Annotated[
    float,
    Field(ge=0, le=1, title="Eta", description="Fresh noise in each step of DDIM: 0 none, 1 as much as in DDPM."),
    Kind("number"),
]
ClipSkip = Annotated[
    int,
    Field(ge=1, le=12, title="Clip skip", description="Which layer reads the prompt: 1 is the last, 2 the one before."),
    Kind("number"),
]
Strength = Annotated[
    float,
    Field(ge=0.01, le=1, title="Strength", description="How much the picture may change; 1 ignores it."),
    Kind("slider"),
]
Padding = Annotated[
    int,
    Field(ge=0, le=4096, title="Padding", description="Pixels around the mask that the model sees too."),
    Kind("number", "px"),
]
Picture = Annotated[
    str | Path | InstanceOf[Image],
    AfterValidator(readable_picture),
    WithJsonSchema({"type": "string", "format": "path"}),
    Field(title="Picture", description="The picture to start from."),
    Kind("picture"),
]
Mask = Annotated[
    str | Path | InstanceOf[Image],
    AfterValidator(readable_picture),
    WithJsonSchema({"type": "string", "format": "path"}),
    Field(title="Mask", description="White is repainted, black stays, gray blends."),
    Kind("mask"),
]
ControlNetRef = Annotated[
    str,
    Field(
        min_length=1,
        title="ControlNet",
        description="A ControlNet or T2I-Adapter made for this kind of model; a name or a path.",
    ),
    Kind("controlnet"),
]
ReferenceRef = Annotated[
    str,
    Field(min_length=1, title="IP-Adapter", description="An IP-Adapter, its image_encoder folder beside it."),
    Kind("ip-adapter"),
]
VaeRef = Annotated[
    str, Field(min_length=1, title="VAE", description="Decodes in place of the model's own."), Kind("vae")
]
EmbeddingRef = Annotated[
    str,
    Field(min_length=1, title="Embedding", description="A learned word (textual inversion)."),
    Kind("embedding"),
]
DepthRef = Annotated[
    str, Field(min_length=1, title="Depth model", description="A DPT or Depth Anything model."), Kind("depth")
]
PoseRef = Annotated[str, Field(min_length=1, title="Pose model", description="A ViTPose model."), Kind("pose")]
Weight = Annotated[
    float,
    Field(ge=0, le=2, title="Weight", description="How much it counts; 0 not at all."),
    Kind("slider"),
]
Loras = Annotated[
    tuple[Annotated[str, AfterValidator(normal_lora)], ...],
    BeforeValidator(as_list),
    Field(max_length=10, title="LoRAs", description="Styles and subjects learned apart, each as NAME:WEIGHT."),
    Kind("loras", many=True),
]
LORA_WEIGHTS: Final = (-1.0, 2.0)
"""The range of the slider for a LoRA's weight; larger weights can be typed."""
GuideInput = Annotated[
    InstanceOf[Guide],
    Field(title="Guide", description="What an earlier step gives to look at: outlines, areas, other pictures."),
    Kind("guide"),
]
AxisText = Annotated[
    str,
    AfterValidator(axis_text),
    Field(title="Axis", description="An input and its values, for example steps=5,10,20 or guidance=1..3:0.5."),
    Kind("axis"),
]
WorkflowRef = Annotated[str, Field(min_length=1, title="Workflow", description="A workflow's name."), Kind("workflow")]
FinalSize = Annotated[
    ExactSize, Field(title="Size", description="Width and height of the finished picture."), Kind("size", "px")
]
Seed = Annotated[
    int,
    Field(ge=0, le=2**32 - 1, title="Seed", description="The same seed gives the same picture."),
    Kind("seed"),
]
NewSeed = Annotated[
    int | None,
    Field(ge=0, le=2**32 - 1, title="Seed", description="Same seed, same picture. Empty: random."),
    Kind("seed"),
]
WildcardSeed = Annotated[
    int | None,
    Field(
        ge=0,
        le=2**32 - 1,
        title="Wildcard seed",
        description="Same seed, same words for {red|blue} and __name__. Empty: the picture's seed.",
    ),
    Kind("number", more=True),
]
Count = Annotated[int, Field(ge=1, le=1000, title="Pictures", description="How many pictures to make."), Kind("number")]


def kind_of(metadata: Sequence[Any]) -> Kind:
    """The Kind in a field's metadata; plain text where there is none."""
    return next((item for item in metadata if isinstance(item, Kind)), Kind("text"))
