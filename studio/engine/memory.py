"""How a model fits into memory: a forecast before anything is loaded, and a plan made of it.

A plan is one of few: where the parts of a model are while they do not work, in what precision its weights are
kept, whether pictures are decoded in tiles, and how many share a forward pass. Offload on top of offload cannot
be said in it, and ``takes_loras`` says where weights may still be added. Sizes are in bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from importlib.util import find_spec
from itertools import product
from typing import Any, Final

from studio.engine.anatomy import Anatomy
from studio.kinds import Size
from studio.models.card import ModelCard
from studio.request import Request


class Placement(Enum):
    """Where the parts of a model are while they do not work."""

    KEEP = "all parts stay in the device's memory"
    DROP = "text encoders leave memory once the prompt is encoded, and are read again for the next"
    MODELS = "each part is on the device only while it works"
    GROUPS = "weights stream to the device layer by layer"


class Storage(Enum):
    """In what precision the denoiser's weights are kept; it computes in the model's own."""

    FULL = "full precision"
    FP8 = "fp8 weights"
    FOUR_BIT = "4-bit weights"
    FILE = "weights rounded as they are in their file"


_BYTES: Final = {Storage.FP8: 1.0, Storage.FOUR_BIT: 0.5625}  # of a weight; 4 bits and a scale for every 64
_ON_A_GPU: Final = (Placement.KEEP, Placement.MODELS, Placement.GROUPS)
_IN_MAIN_MEMORY: Final = (Placement.KEEP, Placement.DROP)
FOUR_BIT_NEEDS: Final = "bitsandbytes"
_RUNTIME: Final = {"cpu": 55 * 2**20, "mps": 200 * 2**20}  # what the libraries take besides; measured on a CPU only
_CONTEXT: Final = 500 * 2**20  # of a GPU's driver, about
_FREED: Final = (0.35, 100 * 2**20)  # what the C library keeps: a share of decoding, and of denoising at most


@dataclass(frozen=True)
class Plan:
    """How a model is kept and run. What raises no error can be done: every combination is valid."""

    placement: Placement = Placement.KEEP
    storage: Storage = Storage.FULL
    tiled: bool = False
    batch: int = 1

    @property
    def takes_loras(self) -> bool:
        """Whether LoRAs can be added to the model's weights; rounded ones take none."""
        return self.storage is Storage.FULL

    @property
    def exact(self) -> bool:
        """Whether pictures are as without any plan: tiles and rounded weights change them a little."""
        return not self.tiled and self.storage in {Storage.FULL, Storage.FILE}

    def smaller(self, places: Sequence[Placement]) -> "Plan | None":
        """The next rung where memory ran out: one picture a pass, then tiles, then offload; None after the last."""
        if self.batch > 1:
            return replace(self, batch=1)
        if not self.tiled:
            return replace(self, tiled=True)
        return replace(self, placement=places[-1]) if self.placement is not places[-1] else None

    def lines(self) -> list[str]:
        """The plan in words for people, one thing a line."""
        decoding = f"pictures are decoded {'in tiles' if self.tiled else 'one at a time, whole'}"
        pictures = f"{self.batch} picture{'s' if self.batch > 1 else ''} in a forward pass"
        return [self.placement.value, self.storage.value, decoding, pictures]

    def facts(self) -> dict[str, Any]:
        """The plan as plain JSON."""
        return {
            "placement": self.placement.name.lower(),
            "storage": self.storage.name.lower(),
            "tiled": self.tiled,
            "batch": self.batch,
        }


@dataclass(frozen=True)
class Forecast:
    """What a request will take of a device of kind ``device`` ("cpu", "cuda")."""

    anatomy: Anatomy
    card: ModelCard
    request: Request
    device: str

    @property
    def width(self) -> int:
        """Bytes of a number in the precision the model is run in."""
        return 4 if self.device == "cpu" or not self.card.family.halves else 2

    @property
    def places(self) -> tuple[Placement, ...]:
        """The placements that can be had, from the quickest to the smallest."""
        if self.device not in {"cpu", "mps"}:
            return _ON_A_GPU
        return _IN_MAIN_MEMORY if self.card.weights is None else (Placement.KEEP,)

    @property
    def own(self) -> Storage:
        """How the weights are by themselves."""
        return Storage.FILE if self.card.weights and self.card.weights.rounded else Storage.FULL

    def rounded(self) -> list[Storage]:
        """How weights can be rounded with what is installed here; they are rounded once at most."""
        if self.own is Storage.FILE:
            return []
        known = self.device == "cuda" and self.card.weights is None and find_spec(FOUR_BIT_NEEDS)
        return [Storage.FP8, *([Storage.FOUR_BIT] if known else [])]

    def weights(self, storage: Storage = Storage.FULL) -> int:
        """All the model's weights."""
        parts = self.anatomy
        rest = sum(part.weights for part in parts.encoders + parts.decoders) * self.width
        return rest + self._denoisers(storage)

    def peak(self, plan: Plan) -> int:
        """The most that is in the device's memory at one time.

        On a CPU with what the C library keeps of freed memory, which was measured to be up to a sixth of the
        peak more or less from run to run.
        """
        kept = int(_FREED[0] * self._showing(plan)) + min(self._drawing(plan), _FREED[1])
        return self.need(plan) + (kept if self.device == "cpu" else 0)

    def need(self, plan: Plan) -> int:
        """The most that is in use at one time."""
        encoding, denoising, decoding = self._resident(plan)
        return self._runtime + max(encoding, denoising + self._drawing(plan), decoding + self._showing(plan))

    def _drawing(self, plan: Plan) -> int:
        """Activations while latents are denoised."""
        latents = plan.batch * (2 if self._guided else 1)
        return self.anatomy.denoising(self._size) * latents * self.width

    def _showing(self, plan: Plan) -> int:
        """Activations while pictures are decoded, and the pictures: three copies, three colours, floats."""
        pictures = 9 * 4 * self._size.width * self._size.height * plan.batch
        return self.anatomy.decoding(self._size, tiled=plan.tiled) * self.width + pictures

    @property
    def _size(self) -> Size:
        return self.card.family.drawn(Size(self.request.width, self.request.height))

    @property
    def _guided(self) -> bool:
        """Whether each picture is denoised with and without its prompt at once."""
        told = any(part.config.get("guidance_embeds") for part in self.anatomy.denoisers)
        return self.request.guidance > 1 and bool(self.card.family.guidance) and not told

    @property
    def _runtime(self) -> int:
        return _RUNTIME.get(self.device, _CONTEXT)

    def _resident(self, plan: Plan) -> tuple[int, int, int]:
        """Weights on the device while prompts are encoded, latents denoised, and pictures decoded."""
        parts = self.anatomy
        encoders, decoders = ([part.weights * self.width for part in of] for of in (parts.encoders, parts.decoders))
        denoisers = self._denoisers(plan.storage)
        if plan.placement is Placement.KEEP:
            return (self.weights(plan.storage),) * 3
        if plan.placement is Placement.DROP:
            rest = denoisers + sum(decoders)
            return rest + sum(encoders), rest, rest
        if plan.placement is Placement.MODELS:
            return max(encoders, default=0), denoisers, sum(decoders)
        two_layers = 2 * self.width * max(part.largest for part in parts.parts.values())
        return two_layers, two_layers, two_layers

    def _denoisers(self, storage: Storage) -> int:
        if storage is Storage.FILE:
            return sum(part.stored for part in self.anatomy.denoisers)
        return int(sum(part.weights for part in self.anatomy.denoisers) * _BYTES.get(storage, self.width))


def plan(
    forecast: Forecast, pictures: int, memory: int, *, least: Placement = Placement.KEEP, loras: bool = False
) -> Plan:
    """The quickest plan that fits into ``memory``; the smallest there is where none does.

    Weights are rounded only where nothing else fits, and never with ``loras``. ``least`` is the placement that
    the model has already: it is given no roomier one.
    """
    known = list(_plans(forecast, pictures, least, loras=loras))
    fitting = (one for one in known if forecast.peak(one) <= memory)
    return next(fitting, None) or min(known, key=lambda one: (not one.takes_loras, forecast.peak(one)))


def _plans(forecast: Forecast, pictures: int, least: Placement, *, loras: bool) -> Iterator[Plan]:
    """Every plan for a device, those that are tried first at the beginning."""
    places = forecast.places[forecast.places.index(least) :]
    batches = [pictures, *(2**n for n in reversed(range(pictures.bit_length())) if 2**n < pictures)]
    for storage in [forecast.own, *([] if loras else forecast.rounded())]:
        yield from (Plan(place, storage, *rest) for place, *rest in product(places, [False, True], batches))


def ran_out(error: BaseException) -> bool:
    """Whether an error, of Python, numpy or torch on any device, says that memory ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError | OSError) and any(words in said for words in _OUT)


_OUT: Final = (
    "can't allocate memory",
    "could not create a ",
    "cannot allocate memory",
    "out of memory",
    "not enough memory",
    "bad_alloc",
)
