"""How a model fits into memory: a forecast before anything is loaded, and a plan made of it.

A plan is one of few: where the parts of a model are while they do not work, in what precision its weights are
kept, whether pictures are decoded in tiles, and how many share a forward pass. Offload on top of offload cannot
be said in it. What a request asks decides which plans there are: weights that are changed for it, by LoRAs, are
neither rounded nor read again from their files. Sizes are in bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from importlib.util import find_spec
from itertools import product
from typing import Any, Final

from studio.diffusion.memory.adapter_footprint import Extras
from studio.diffusion.memory.memory_footprint import Anatomy
from studio.models.card import ModelCard
from studio.parameters.request import Request
from studio.parameters.types import Size


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


_FOUR_BITS: Final = 0.5625  # bytes: 4 bits, and a scale for every 64 weights
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
        return 4 if self.device == "cpu" or not self.card.family.pipelines.half_dtypes else 2

    def places(self, storage: Storage = Storage.FULL) -> tuple[Placement, ...]:
        """The placements that can be had, from the quickest to the smallest; 4-bit weights do not stream."""
        if self.device not in {"cpu", "mps"}:
            return _ON_A_GPU[:-1] if storage is Storage.FOUR_BIT else _ON_A_GPU
        return (Placement.KEEP,) if self.changed or self.card.weights else _IN_MAIN_MEMORY

    @property
    def own(self) -> Storage:
        """How the weights are by themselves."""
        return Storage.FILE if self.card.weights and self.card.weights.rounded else Storage.FULL

    @property
    def storages(self) -> list[Storage]:
        """How weights can be kept with what is installed here, as they are first; they are rounded once at most."""
        if self.changed or self.own is Storage.FILE:
            return [self.own]
        known = self.device in {"cpu", "cuda"} and find_spec(FOUR_BIT_NEEDS)
        return [self.own, Storage.FP8, *([Storage.FOUR_BIT] if known else [])]

    @property
    def changed(self) -> bool:
        """Whether the model's weights are others than those in its files while it draws."""
        return "LoRA" in self.request.guide.asks

    @cached_property
    def extras(self) -> Extras:
        """What the request's guide asks for besides the model."""
        return Extras.of(self.request.guide, self.anatomy)

    def weights(self, storage: Storage = Storage.FULL) -> int:
        """All the model's weights."""
        parts = self.anatomy
        rest = sum(part.weights for part in parts.encoders + parts.decoders) * self.width
        return rest + self._denoisers(storage)

    def resting(self, plan: Plan) -> int:
        """The model's weights that are on the device while it does nothing."""
        dropped = sum(part.weights for part in self.anatomy.encoders) * self.width
        left = {Placement.KEEP: 0, Placement.DROP: dropped}
        return self.weights(plan.storage) - left[plan.placement] if plan.placement in left else 0

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
        staying = self._runtime + self.extras.staying * self.width + self._looked_at(plan)
        return staying + max(encoding, denoising + self._drawing(plan), decoding + self._showing(plan))

    def _drawing(self, plan: Plan) -> int:
        """Activations while latents are denoised."""
        return self.anatomy.denoising(self._size, self.extras.nets) * self._latents(plan) * self.width

    def _latents(self, plan: Plan) -> int:
        """How many are denoised at once."""
        return plan.batch * (2 if self._guided else 1)

    def _looked_at(self, plan: Plan) -> int:
        """Each ControlNet's picture, of three colours, once for every latent."""
        drawn = self._size.width * self._size.height
        return len(self.extras.nets) * 3 * drawn * self._latents(plan) * self.width

    def _showing(self, plan: Plan) -> int:
        """Activations while pictures are decoded, and the pictures: three copies, three colours, floats."""
        pictures = 9 * 4 * self._size.width * self._size.height * plan.batch
        decoder = self.anatomy.decoding_with(self.extras.vae)
        return decoder.decoding(self._size, tiled=plan.tiled) * self.width + pictures

    @property
    def _size(self) -> Size:
        return self.card.family.capabilities.nearest_size(Size(self.request.width, self.request.height))

    @property
    def _guided(self) -> bool:
        """Whether each picture is denoised with and without its prompt at once."""
        told = any(part.config.get("guidance_embeds") for part in self.anatomy.denoisers)
        return self.request.guidance > 1 and bool(self.card.family.capabilities.guidance_argument) and not told

    @property
    def _runtime(self) -> int:
        return _RUNTIME.get(self.device, _CONTEXT)

    def _resident(self, plan: Plan) -> tuple[int, int, int]:
        """Weights on the device while prompts are encoded, latents denoised, and pictures decoded.

        ControlNets come and go with the model's parts where these do, but do not stream.
        """
        parts, nets = self.anatomy, sum(net.weights for net in self.extras.nets) * self.width
        encoders, decoders = ([part.weights * self.width for part in of] for of in (parts.encoders, parts.decoders))
        denoisers = self._denoisers(plan.storage)
        if plan.placement is Placement.KEEP:
            return (self.weights(plan.storage) + nets,) * 3
        if plan.placement is Placement.DROP:
            rest = denoisers + sum(decoders) + nets
            return rest + sum(encoders), rest, rest
        if plan.placement is Placement.MODELS:
            return max(encoders, default=0), denoisers + nets, sum(decoders)
        two_layers = 2 * self.width * max(part.largest for part in parts.parts.values())
        return (two_layers + nets,) * 3

    def _denoisers(self, storage: Storage) -> int:
        """4 bits hold matrices only, fp8 nearly everything."""
        whole = sum(part.weights for part in self.anatomy.denoisers)
        if storage is Storage.FOUR_BIT:
            matrices = sum(part.matrices for part in self.anatomy.denoisers)
            return int(matrices * _FOUR_BITS) + (whole - matrices) * self.width
        if storage is Storage.FILE:
            return sum(part.stored for part in self.anatomy.denoisers)
        return whole * (1 if storage is Storage.FP8 else self.width)


def plan(forecast: Forecast, pictures: int, memory: int, *, least: Placement = Placement.KEEP) -> Plan:
    """The quickest plan that fits into ``memory``; the smallest there is where none does.

    Weights are rounded only where nothing else fits. ``least`` is the placement that the model has already: it is
    given no roomier one, unless it cannot do what is asked there.
    """
    known = list(_plans(forecast, pictures, least))
    fitting = (one for one in known if forecast.peak(one) <= memory)
    return next(fitting, None) or min(known, key=lambda one: (one.storage is not Storage.FULL, forecast.peak(one)))


def _plans(forecast: Forecast, pictures: int, least: Placement) -> Iterator[Plan]:
    """Every plan for a device, those that are tried first at the beginning."""
    batches = [pictures, *(2**n for n in reversed(range(pictures.bit_length())) if 2**n < pictures)]
    for storage in forecast.storages:
        places = forecast.places(storage)
        places = places[places.index(least) :] if least in places else places
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
