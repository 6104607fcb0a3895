"""Conditioning besides the prompt: control images, reference pictures, areas, embeddings, LoRAs.

A step of a workflow returns a guide, the next may add to it, and ``generate``, ``edit``, ``inpaint`` and ``outpaint``
take it. The adapters that it names ("ControlNet 'scribble'") are found by ``studio.models.adapters``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from PIL.Image import Image

from studio.prompts.lora import Lora

Change = Callable[[Image], Image]


@dataclass(frozen=True)
class ControlImage:
    """A picture whose lines, depth or poses the result follows.

    ``part`` is a ControlNet, or with ``adapter`` a T2I-Adapter; "" is for a model that follows pictures by itself. A
    ``weight`` of 0 has no effect; it is active from the share ``start`` of the steps to the share ``end``. ``mode`` is
    the kind of the picture, as a number of a union ControlNet.
    """

    part: str
    picture: Image
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    adapter: bool = False
    mode: int | None = None


@dataclass(frozen=True)
class ReferenceImage:
    """A picture that the result resembles, through the IP-Adapter ``part``."""

    part: str
    picture: Image
    weight: float = 1.0


@dataclass(frozen=True)
class Region:
    """An area, white in ``mask`` (gray blends), with a prompt of its own and extra LoRAs."""

    prompt: str
    mask: Image
    loras: tuple[Lora, ...] = ()


@dataclass(frozen=True)
class Guide:
    """The conditioning of a picture, in the order in which it was given.

    ``embeddings`` are textual inversions: the word to write in the prompt, and the file. ``vae`` takes the place of the
    model's own.
    """

    controls: tuple[ControlImage, ...] = ()
    references: tuple[ReferenceImage, ...] = ()
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
    def features(self) -> frozenset[str]:
        """The features that a family must support: "ControlNet", "T2I-Adapter", "reference picture" …"""
        nets = sum(bool(control.part) and not control.adapter for control in self.controls)
        features = {
            "ControlNet": nets > 0,
            "second picture to follow": sum(not control.adapter for control in self.controls) > 1,
            "T2I-Adapter": any(control.adapter for control in self.controls),
            "reference picture": self.references,
            "area with a prompt of its own": self.regions,
            "embedding": self.embeddings,
            "other VAE": self.vae,
            "LoRA": self.loras or any(region.loras for region in self.regions),
        }
        return frozenset(name for name, used in features.items() if used)

    @property
    def without_positions(self) -> "Guide":
        """The guide without control images and areas, whose positions do not hold for a piece of the picture."""
        return replace(self, controls=(), regions=())

    @property
    def picture(self) -> Image | None:
        """The picture whose shape the result should have, if any."""
        return self.controls[0].picture if self.controls else None

    def transformed(self, picture: Change, mask: Change) -> "Guide":
        """The guide with its pictures and masks transformed as the picture itself was, by cropping for example."""
        return replace(
            self,
            controls=tuple(replace(one, picture=picture(one.picture)) for one in self.controls),
            regions=tuple(replace(one, mask=mask(one.mask)) for one in self.regions),
        )


NO_GUIDE: Final = Guide()
