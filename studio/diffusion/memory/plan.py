"""How a model fits into memory: a forecast before anything is loaded, and a plan made from it.

A plan says where the modules of a model are while they are idle, in what precision its weights are kept, whether
pictures are decoded in tiles, and how many share a forward pass. The request decides which plans are possible: weights
that LoRAs change are neither quantised nor reloaded from their files. Sizes are in bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from importlib.util import find_spec
from itertools import product
from typing import Any, Final

from studio.diffusion.memory.adapter_footprint import AdapterFootprint
from studio.diffusion.memory.memory_footprint import ModelFootprint
from studio.models.adapters import Adapters
from studio.models.card import ModelCard
from studio.parameters.request import Request
from studio.parameters.types import Size


class Placement(Enum):
    """Where the modules of a model are while they are idle."""

    KEEP = "all parts stay in the device's memory"
    DROP = "text encoders leave memory once the prompt is encoded, and are read again for the next"
    MODELS = "each part is on the device only while it works"
    GROUPS = "weights stream to the device layer by layer"


class Storage(Enum):
    """The precision in which the denoiser's weights are kept; it computes in the model's own."""

    FULL = "full precision"
    FP8 = "fp8 weights"
    FOUR_BIT = "4-bit weights"
    FILE = "weights rounded as they are in their file"


_FOUR_BITS: Final = 0.5625  # bytes: 4 bits, and a scale for every 64 weights
_GPU_PLACEMENTS: Final = (Placement.KEEP, Placement.MODELS, Placement.GROUPS)
_CPU_PLACEMENTS: Final = (Placement.KEEP, Placement.DROP)
FOUR_BIT_NEEDS: Final = "bitsandbytes"
_RUNTIME: Final = {"cpu": 55 * 2**20, "mps": 200 * 2**20}  # what the libraries take; measured on a CPU only
_CONTEXT: Final = 500 * 2**20  # of a GPU's driver, about
_KEPT_BY_ALLOCATOR: Final = (
    0.35,
    100 * 2**20,
)  # what the C library keeps: a share of decoding, and of denoising at most


@dataclass(frozen=True)
class MemoryPlan:
    """How a model is kept and run. Every combination is valid."""

    placement: Placement = Placement.KEEP
    storage: Storage = Storage.FULL
    tiled: bool = False
    batch: int = 1

    @property
    def exact(self) -> bool:
        """Whether pictures are the same as without a plan; tiles and quantised weights change them slightly."""
        return not self.tiled and self.storage in {Storage.FULL, Storage.FILE}

    def smaller(self, placements: Sequence[Placement]) -> "MemoryPlan | None":
        """The plan to retry with where memory ran out: one picture a pass, then tiles, then offload; None after the
        last.
        """
        if self.batch > 1:
            return replace(self, batch=1)
        if not self.tiled:
            return replace(self, tiled=True)
        return replace(self, placement=placements[-1]) if self.placement is not placements[-1] else None

    def lines(self) -> list[str]:
        """The plan in words, one line for each part."""
        decoding = f"pictures are decoded {'in tiles' if self.tiled else 'one at a time, whole'}"
        pictures = f"{self.batch} picture{'s' if self.batch > 1 else ''} in a forward pass"
        return [self.placement.value, self.storage.value, decoding, pictures]

    def to_json(self) -> dict[str, Any]:
        """The plan as plain JSON."""
        return {
            "placement": self.placement.name.lower(),
            "storage": self.storage.name.lower(),
            "tiled": self.tiled,
            "batch": self.batch,
        }


@dataclass(frozen=True)
class Forecast:
    """What a request will take on a device of kind ``device`` ("cpu", "cuda"); ``index`` finds what its guide names."""

    footprint: ModelFootprint
    card: ModelCard
    request: Request
    device: str
    index: Adapters

    @property
    def width(self) -> int:
        """Bytes of a number in the precision that the model runs in."""
        return 4 if self.device == "cpu" or not self.card.family.pipelines.half_dtypes else 2

    def placements(self, storage: Storage = Storage.FULL) -> tuple[Placement, ...]:
        """The possible placements, from the fastest to the smallest; 4-bit weights cannot be streamed."""
        if self.device not in {"cpu", "mps"}:
            return _GPU_PLACEMENTS[:-1] if storage is Storage.FOUR_BIT else _GPU_PLACEMENTS
        return (Placement.KEEP,) if self.changes_weights or self.card.weights else _CPU_PLACEMENTS

    @property
    def native_storage(self) -> Storage:
        """The storage of the weights in their files."""
        return Storage.FILE if self.card.weights and self.card.weights.rounded else Storage.FULL

    @property
    def storages(self) -> list[Storage]:
        """The possible storages with the installed packages, the files' own first."""
        if self.changes_weights or self.native_storage is Storage.FILE:
            return [self.native_storage]
        known = self.device in {"cpu", "cuda"} and find_spec(FOUR_BIT_NEEDS)
        return [self.native_storage, Storage.FP8, *([Storage.FOUR_BIT] if known else [])]

    @property
    def changes_weights(self) -> bool:
        """Whether LoRAs change the model's weights while it draws."""
        return "LoRA" in self.request.guide.features

    @cached_property
    def adapters(self) -> AdapterFootprint:
        """The adapters that the request's guide needs."""
        return AdapterFootprint.of(self.request.guide, self.footprint, self.index)

    def weights(self, storage: Storage = Storage.FULL) -> int:
        """All of the model's weights."""
        parts = self.footprint
        rest = sum(part.weights for part in parts.encoders + parts.decoders) * self.width
        return rest + self._denoisers(storage)

    def idle_bytes(self, plan: MemoryPlan) -> int:
        """The model's weights that are on the device while it is idle."""
        dropped = sum(part.weights for part in self.footprint.encoders) * self.width
        left = {Placement.KEEP: 0, Placement.DROP: dropped}
        return self.weights(plan.storage) - left[plan.placement] if plan.placement in left else 0

    def peak(self, plan: MemoryPlan) -> int:
        """The peak of the device's memory.

        On a CPU it includes what the C library keeps of freed memory, which was measured to vary by up to a sixth of
        the peak from run to run.
        """
        kept = int(_KEPT_BY_ALLOCATOR[0] * self._decoding(plan)) + min(self._denoising(plan), _KEPT_BY_ALLOCATOR[1])
        return self.in_use(plan) + (kept if self.device == "cpu" else 0)

    def in_use(self, plan: MemoryPlan) -> int:
        """The most memory that is in use at one time."""
        encoding, denoising, decoding = self._resident(plan)
        staying = self._runtime + self.adapters.staying * self.width + self._control_images(plan)
        return staying + max(encoding, denoising + self._denoising(plan), decoding + self._decoding(plan))

    def _denoising(self, plan: MemoryPlan) -> int:
        """Activations while latents are denoised."""
        return self.footprint.denoising(self._size, self.adapters.nets) * self._latents(plan) * self.width

    def _latents(self, plan: MemoryPlan) -> int:
        """How many latents are denoised at once."""
        return plan.batch * (2 if self._guided else 1)

    def _control_images(self, plan: MemoryPlan) -> int:
        """Each ControlNet's image, of three channels, once for each latent."""
        drawn = self._size.width * self._size.height
        return len(self.adapters.nets) * 3 * drawn * self._latents(plan) * self.width

    def _decoding(self, plan: MemoryPlan) -> int:
        """Activations while pictures are decoded, and the pictures: three copies, three channels, floats."""
        pictures = 9 * 4 * self._size.width * self._size.height * plan.batch
        decoder = self.footprint.decoding_with(self.adapters.vae)
        return decoder.decoding(self._size, tiled=plan.tiled) * self.width + pictures

    @property
    def _size(self) -> Size:
        return self.card.family.capabilities.nearest_size(Size(self.request.width, self.request.height))

    @property
    def _guided(self) -> bool:
        """Whether classifier-free guidance doubles the latents."""
        distilled = any(part.config.get("guidance_embeds") for part in self.footprint.denoisers)
        return self.request.guidance > 1 and bool(self.card.family.capabilities.guidance_argument) and not distilled

    @property
    def _runtime(self) -> int:
        return _RUNTIME.get(self.device, _CONTEXT)

    def _resident(self, plan: MemoryPlan) -> tuple[int, int, int]:
        """Weights on the device while prompts are encoded, latents denoised, and pictures decoded.

        ControlNets are offloaded with the model's modules, but not streamed.
        """
        parts, nets = self.footprint, sum(net.weights for net in self.adapters.nets) * self.width
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
        """Quantisation to 4 bits applies to matrices only, fp8 to nearly everything."""
        whole = sum(part.weights for part in self.footprint.denoisers)
        if storage is Storage.FOUR_BIT:
            matrices = sum(part.matrices for part in self.footprint.denoisers)
            return int(matrices * _FOUR_BITS) + (whole - matrices) * self.width
        if storage is Storage.FILE:
            return sum(part.stored for part in self.footprint.denoisers)
        return whole * (1 if storage is Storage.FP8 else self.width)


def plan(forecast: Forecast, pictures: int, memory: int, *, least: Placement = Placement.KEEP) -> MemoryPlan:
    """The fastest plan that fits into ``memory``; the smallest plan where none does.

    Weights are quantised only where nothing else fits. ``least`` is the model's present placement: it gets no faster
    one, unless the request is impossible there.
    """
    known = list(_plans(forecast, pictures, least))
    fitting = (one for one in known if forecast.peak(one) <= memory)
    return next(fitting, None) or min(known, key=lambda one: (one.storage is not Storage.FULL, forecast.peak(one)))


def _plans(forecast: Forecast, pictures: int, least: Placement) -> Iterator[MemoryPlan]:
    """Every plan for a device, in the order in which they are tried."""
    batches = [pictures, *(2**n for n in reversed(range(pictures.bit_length())) if 2**n < pictures)]
    for storage in forecast.storages:
        placements = forecast.placements(storage)
        placements = placements[placements.index(least) :] if least in placements else placements
        yield from (MemoryPlan(place, storage, *rest) for place, *rest in product(placements, [False, True], batches))


def ran_out(error: BaseException) -> bool:
    """Whether an error of Python, numpy or torch on any device means that memory ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError | OSError) and any(words in message for words in _OUT)


_OUT: Final = (
    "can't allocate memory",
    "could not create a ",
    "cannot allocate memory",
    "out of memory",
    "not enough memory",
    "bad_alloc",
)
