"""What a drawing step shall look at besides its prompt: outlines, other pictures, areas, learned words.

A step of a workflow gives a guide, the next may add to it, and ``generate``, ``edit``, ``inpaint``
and ``outpaint`` take it. The parts it names ("ControlNet 'scribble'") lie in ``studio.models.adapters``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from PIL.Image import Image

from studio.prompts.lora import Lora

Change = Callable[[Image], Image]


@dataclass(frozen=True)
class Control:
    """A picture whose lines, depth or poses the result follows.

    ``part`` is a ControlNet, or with ``adapter`` a T2I-Adapter; "" leaves it to the model itself. ``weight`` 0
    changes nothing; it acts from the share ``start`` of the steps to the share ``end``. ``mode`` is what the
    picture is, in the numbers of a ControlNet made for several kinds.
    """

    part: str
    picture: Image
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    adapter: bool = False
    mode: int | None = None


@dataclass(frozen=True)
class Reference:
    """A picture that the result resembles, through the IP-Adapter ``part``."""

    part: str
    picture: Image
    weight: float = 1.0


@dataclass(frozen=True)
class Region:
    """An area, white in ``mask`` (gray blends), that has a prompt of its own, and LoRAs besides the picture's."""

    prompt: str
    mask: Image
    loras: tuple[Lora, ...] = ()


@dataclass(frozen=True)
class Guide:
    """All that was asked for, in the order in which it was given.

    ``embeddings`` are textual inversions: the word to write in the prompt, and the file. ``vae`` stands in
    for the model's own.
    """

    controls: tuple[Control, ...] = ()
    references: tuple[Reference, ...] = ()
    regions: tuple[Region, ...] = ()
    embeddings: tuple[tuple[str, str], ...] = ()
    vae: str | None = None
    loras: tuple[Lora, ...] = ()

    def __add__(self, other: "Guide") -> "Guide":
        return Guide(
            self.controls + other.controls,
            self.references + other.references,
            self.regions + other.regions,
            self.embeddings + other.embeddings,
            other.vae or self.vae,
            self.loras + other.loras,
        )

    @property
    def asks(self) -> frozenset[str]:
        """What a family must be able to take: "ControlNet", "T2I-Adapter", "reference picture" …"""
        nets = sum(bool(control.part) and not control.adapter for control in self.controls)
        asked = {
            "ControlNet": nets > 0,
            "second picture to follow": sum(not control.adapter for control in self.controls) > 1,
            "T2I-Adapter": any(control.adapter for control in self.controls),
            "reference picture": self.references,
            "area with a prompt of its own": self.regions,
            "embedding": self.embeddings,
            "other VAE": self.vae,
            "LoRA": self.loras or any(region.loras for region in self.regions),
        }
        return frozenset(name for name, given in asked.items() if given)

    @property
    def anywhere(self) -> "Guide":
        """What of it holds for any piece of the picture alike: no outlines, no areas."""
        return replace(self, controls=(), regions=())

    @property
    def picture(self) -> Image | None:
        """The picture whose shape the result had better have, if any."""
        return self.controls[0].picture if self.controls else None

    def placed(self, picture: Change, mask: Change) -> "Guide":
        """The guide after what happened to the picture itself, a crop say, was done to its own pictures and masks."""
        return replace(
            self,
            controls=tuple(replace(one, picture=picture(one.picture)) for one in self.controls),
            regions=tuple(replace(one, mask=mask(one.mask)) for one in self.regions),
        )


NOTHING: Final = Guide()
