"""Loads models and keeps those that fit; the tasks of one model share its modules."""

import os
import threading
from collections.abc import Mapping
from inspect import signature
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from studio.engine import attention, hardware, memory, placing, singlefile
from studio.engine.anatomy import Anatomy
from studio.engine.hardware import pick_device, pick_dtype
from studio.engine.loras import Loras
from studio.engine.memory import Forecast, Placement, Plan
from studio.engine.parts import Parts
from studio.engine.preview import fit
from studio.errors import InputError, ModelError
from studio.models import folder
from studio.models.card import ModelCard
from studio.plugins import unknown
from studio.request import Request

if TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline
    from torch import Tensor

_ENVIRONMENT = {  # what is set already is left alone
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
}

_NO_CODE = {"DIFFUSERS_DISABLE_REMOTE_CODE": "1", "DIFFUSERS_TRUST_REMOTE_KERNELS": "0"}  # whatever is set already

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_UNGUARDED = {"safety_checker": None, "requires_safety_checker": False}


class _Kept(NamedTuple):
    """How a model is kept, and how many bytes its weights are."""

    plan: Plan
    weights: int


class Pipelines:
    """The loaded models of one session, by model and task.

    Whoever runs a pipeline holds ``alone`` meanwhile: a second run would break the first one's sampler.
    """

    def __init__(self, device: str = "auto", vram: int | None = None) -> None:
        self.alone = threading.RLock()
        self._wanted, self._vram = device, vram
        self.parts = Parts(device)
        self.loras = Loras(device)
        self._loaded: dict[tuple[str, str], DiffusionPipeline] = {}
        self._colours: dict[str, Tensor] = {}
        self._kept: dict[str, _Kept] = {}  # the one used last at the end

    @property
    def device(self) -> "torch.device":
        """Where pictures are made."""
        return pick_device(self._wanted)

    def get(self, card: ModelCard, task: str) -> "DiffusionPipeline":
        """The pipeline of a model for a task ("text-to-image", "image-to-image"), as its files have it.

        LoRAs that it still wears are taken off. Raises ModelError where the files do not load.
        """
        pipeline = self.loaded(card, task)
        self.loras.off(card, pipeline)
        return pipeline

    def loaded(self, card: ModelCard, task: str) -> "DiffusionPipeline":
        """The pipeline of a model for a task, as the model is planned; it may wear the LoRAs of the last picture.

        The first task loads the files; the others are built around the same modules, with
        nothing copied or cast. Raises ModelError where the files do not load.
        """
        key = (str(card.path), task)
        if key not in self._loaded:
            self._loaded[key] = self._sibling(card, task) or self._load(card, task)
        placing.decode(self._loaded[key], self._plan(card))
        return self._loaded[key]

    def any(self, card: ModelCard) -> "DiffusionPipeline":
        """Some pipeline of the model, to look at what all of them share; LoRAs that it wears stay on."""
        return self.loaded(card, next(iter(card.family.pipelines)))

    def around(self, card: ModelCard, task: str, more: Mapping[str, Any]) -> "DiffusionPipeline":
        """A fresh pipeline for a task that takes ``more`` modules besides the model's own: ControlNets.

        It is not kept; the modules are, by whoever loaded them.
        """
        return _quiet(_around(self.any(card), _class(card, task), more))

    def plan(self, card: ModelCard, request: Request, pictures: int) -> Plan:
        """How a request for so many pictures will be run in the memory there is, with this model alone if need be.

        From now on the model is kept by it; others that were not used for longest leave memory where they
        are in its way.
        """
        forecast = self.forecast(card, request)
        least = self._plan(card).placement if self._is_loaded(card) else Placement.KEEP
        there = self._budget()
        chosen = memory.plan(forecast, pictures, there, least=least, loras="LoRA" in request.guide.asks)
        self.adopt(card, chosen, forecast.weights(chosen.storage))
        self._make_room(card, forecast.peak(chosen), there)
        return chosen

    def forecast(self, card: ModelCard, request: Request) -> Forecast:
        """What a request will take, from the headers of the model's files."""
        return Forecast(Anatomy.of(card), card, request, self.device.type)

    def adopt(self, card: ModelCard, plan: Plan, weights: int) -> None:
        """Keep a model by a plan from now on; one that must be placed anew is loaded again when it is next got."""
        old = self._plan(card)
        if (old.placement, old.storage) != (plan.placement, plan.storage):
            self.drop(str(card.path))
        self._kept.pop(str(card.path), None)
        self._kept[str(card.path)] = _Kept(plan, weights)

    def drop(self, path: str) -> None:
        """Let a model go, and its memory with it."""
        self._kept.pop(path, None)
        self._colours.pop(path, None)
        self.loras.forget(path)
        gone = [self._loaded.pop(key) for key in list(self._loaded) if key[0] == path]
        if gone:
            del gone
            hardware.give_back()

    def _plan(self, card: ModelCard) -> Plan:
        kept = self._kept.get(str(card.path))
        return kept.plan if kept else Plan()

    def _is_loaded(self, card: ModelCard) -> bool:
        return any(path == str(card.path) for path, _ in self._loaded)

    def _budget(self) -> int:
        """What models may take: all that was allowed, or what is free and what they hold already."""
        held = sum(self._held(path) for path in self._kept)
        return self._vram or hardware.free(self.device) + held

    def _held(self, path: str) -> int:
        """Bytes of the device's memory that a model takes while it does nothing."""
        waits = any(loaded == path for loaded, _ in self._loaded) and path in self._kept
        return self._kept[path].weights if waits and self._kept[path].plan.placement is Placement.KEEP else 0

    def _make_room(self, card: ModelCard, peak: int, there: int) -> None:
        others = [path for path in self._kept if path != str(card.path)]
        while others and peak + sum(map(self._held, others)) > there:
            self.drop(others.pop(0))

    def colours(self, card: ModelCard) -> "Tensor":
        """The map from this model's latents to colours, for previews; fitted when first asked for."""
        key = str(card.path)
        if key not in self._colours:
            self._colours[key] = fit(self.any(card))
        return self._colours[key]

    def _sibling(self, card: ModelCard, task: str) -> "DiffusionPipeline | None":
        for (path, _), pipeline in self._loaded.items():
            if path == str(card.path):
                return _quiet(_around(pipeline, _class(card, task)))
        return None

    def _load(self, card: ModelCard, task: str) -> "DiffusionPipeline":
        device, wanted, plan = self.device, _class(card, task), self._plan(card)
        card.check()
        try:
            pipeline = _read(card, wanted, _dtype(card, device), plan)
        except (OSError, ValueError, LookupError, RuntimeError) as error:
            if memory.ran_out(error):
                raise
            raise ModelError(f"the model '{card.name}' does not load: {str(error).splitlines()[0]}") from None
        attention.use(pipeline, attention.choose(device))
        return _quiet(placing.placed(pipeline, plan, device, card.path))


def _read(card: ModelCard, wanted: Any, dtype: "torch.dtype", plan: Plan) -> Any:
    """The model from its files, a folder's or the single one, in main memory."""
    if card.weights:
        return singlefile.load(card, wanted, dtype)
    more = _taken(wanted, _UNGUARDED) | placing.loading(plan, dtype) | {"variant": folder.variants(card.path)}
    return wanted.from_pretrained(card.path, dtype=dtype, local_files_only=True, use_safetensors=True, **more)


def _around(pipeline: "DiffusionPipeline", wanted: Any, more: Mapping[str, Any] = _NOTHING) -> "DiffusionPipeline":
    """A pipeline of another class around the same modules and ``more``, with the same settings.

    Not by ``from_pipe``, which casts the modules of both.
    """
    other: DiffusionPipeline = wanted(**_taken(wanted, {**pipeline.config, **pipeline.components, **more}))
    return other


def _taken(wanted: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is given, that which the class takes."""
    takes = signature(wanted.__init__).parameters
    return {name: value for name, value in given.items() if name in takes}


def _dtype(card: ModelCard, device: "torch.device") -> "torch.dtype":
    """What the device likes best, or full precision where the family does not stand that."""
    import torch

    best = pick_dtype(device)
    return best if str(best).removeprefix("torch.") in card.family.halves else torch.float32


def _class(card: ModelCard, task: str) -> Any:
    """The diffusers class for a task."""
    if task not in card.family.pipelines:
        raise InputError(f"{card.family.title}: {unknown('task', task, card.family.pipelines)}")
    return getattr(_diffusers(), card.family.pipelines[task])


def _diffusers() -> Any:
    """The library, silent and with every way to the network shut before it is imported."""
    os.environ.update({key: value for key, value in _ENVIRONMENT.items() if key not in os.environ} | _NO_CODE)
    import diffusers
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    return diffusers


def _quiet(pipeline: "DiffusionPipeline") -> "DiffusionPipeline":
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
