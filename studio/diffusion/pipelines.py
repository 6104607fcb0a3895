"""Loads models and keeps as many as fit into memory; the tasks of one model share its modules."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import signature
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from studio.diffusion import libraries, not_finite
from studio.diffusion.loading import single_file
from studio.diffusion.loading.adapter_cache import AdapterCache
from studio.diffusion.memory import adapter_footprint, attention, offload
from studio.diffusion.memory import plan as memory
from studio.diffusion.memory.memory_footprint import ModelFootprint, stamps
from studio.diffusion.memory.plan import Forecast, MemoryPlan, Placement
from studio.diffusion.preview import fit
from studio.diffusion.prompts.prompt_cache import PromptCache
from studio.errors import InputError, ModelError, StudioError, reason
from studio.library import Library
from studio.lora.loading import LoraLoader
from studio.model_files.hashes import Stamp
from studio.models import folder
from studio.models.card import ModelCard
from studio.parameters.request import Request
from studio.plugins import unknown
from studio.tensors import hardware
from studio.tensors.hardware import pick_device, pick_dtype

if TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline
    from torch import Tensor

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_NO_SAFETY_CHECKER = {"safety_checker": None, "requires_safety_checker": False}


@dataclass
class _LoadedModel:
    """A loaded model: the stamps of its files, its memory plan, and the bytes that it holds on the device while it is
    idle.

    ``pipelines`` are by task and share their modules; ``latent_colours`` is its map for previews, ``prompt_cache``
    holds what its text encoders made of prompts.
    """

    stamps: tuple[Stamp, ...]
    plan: MemoryPlan = field(default_factory=MemoryPlan)
    idle_bytes: int = 0
    pipelines: "dict[str, DiffusionPipeline]" = field(default_factory=dict)
    latent_colours: "Tensor | None" = None
    prompt_cache: PromptCache = field(default_factory=PromptCache)

    @property
    def held(self) -> int:
        """Bytes of the device's memory that it takes while it is idle."""
        return self.idle_bytes if self.pipelines else 0


class Pipelines:
    """The loaded models of one session, by model and task; ``library`` finds what requests name.

    The caller holds ``lock`` while it runs a pipeline: a second run would break the first one's sampler.
    """

    def __init__(self, library: Library, device: str = "auto", vram: int | None = None) -> None:
        self.lock = threading.RLock()
        self.library, self._wanted, self._vram = library, device, vram
        self.adapters = AdapterCache(library.adapters, device)
        self.loras = LoraLoader(library.loras, device)
        self._models: dict[str, _LoadedModel] = {}  # by path, the most recently used last

    @property
    def device(self) -> "torch.device":
        """The device that pictures are made on."""
        return pick_device(self._wanted)

    def get(self, card: ModelCard, task: str) -> "DiffusionPipeline":
        """The pipeline of a model for a task ("text-to-image", "image-to-image"), with the weights of its files.

        LoRAs that are still applied are removed. Raises ModelError where the files do not load.
        """
        pipeline = self.loaded(card, task)
        self.loras.restore(card, pipeline)
        return pipeline

    def loaded(self, card: ModelCard, task: str) -> "DiffusionPipeline":
        """The pipeline of a model for a task, placed by the model's plan; LoRAs of the last picture may still be
        applied.

        The first task loads the files; the others are built from the same modules, with nothing copied or cast. Raises
        ModelError where the files do not load.
        """
        model = self._model(card)
        if task not in model.pipelines:
            model.pipelines[task] = self._for_other_task(card, task) if model.pipelines else self._load(card, task)
        offload.configure_decoding(model.pipelines[task], model.plan)
        return model.pipelines[task]

    def any_task(self, card: ModelCard) -> "DiffusionPipeline":
        """A pipeline of the model for any task, to look at its shared modules; LoRAs stay applied."""
        return self.loaded(card, next(iter(card.family.pipelines.classes)))

    def with_modules(self, card: ModelCard, task: str, more: Mapping[str, Any]) -> "DiffusionPipeline":
        """A new pipeline for a task that takes ``more`` modules besides the model's own: ControlNets.

        The pipeline is not kept; its modules are, by whoever loaded them.
        """
        return self._prepared(card, _rebuilt(self.any_task(card), _class(card, task), more))

    def plan(self, card: ModelCard, request: Request, pictures: int) -> MemoryPlan:
        """The plan for a request and a number of pictures, in the memory there is, if need be with no other model
        loaded.

        From now on the model is kept by this plan; other models, and adapters that the request does not need, leave
        memory where they are in its way.
        """
        forecast, model = self.forecast(card, request), self._model(card)
        least = model.plan.placement if model.pipelines else Placement.KEEP
        there = self._budget()
        chosen = memory.plan(forecast, pictures, there, least=least)
        self.set_plan(card, chosen, forecast.idle_bytes(chosen))
        self.make_room(card, request, there - forecast.peak(chosen))
        return chosen

    def forecast(self, card: ModelCard, request: Request) -> Forecast:
        """What a request will take, from the headers of the model's files."""
        return Forecast(ModelFootprint.of(card), card, request, self.device.type, self.library.adapters)

    def set_plan(self, card: ModelCard, plan: MemoryPlan, idle_bytes: int) -> None:
        """Keep a model by a plan from now on; one with another placement or storage is loaded again when it is next
        needed.

        ``idle_bytes`` is how many bytes of the device's memory it then takes while it is idle.
        """
        old = self._model(card).plan
        if (old.placement, old.storage) != (plan.placement, plan.storage):
            self.drop(card)
        model = self._model(card)
        model.plan, model.idle_bytes = plan, idle_bytes
        self._models[str(card.path)] = self._models.pop(str(card.path))

    def make_room(self, card: ModelCard, request: Request, left: int = 0) -> None:
        """Drop adapters, then models, that a request does not need, until they take no more than ``left`` bytes.

        The least recently used go first.
        """
        needed = {part.sha256() for part in adapter_footprint.named(request.guide, self.library.adapters)}
        others = [path for path, model in self._models.items() if path != str(card.path) and model.held]
        while self.adapters.held(needed) + sum(self._models[path].held for path in others) > max(left, 0):
            if self.adapters.held(needed):
                self.adapters.drop(needed)
            else:
                self._drop(others.pop(0))

    def drop(self, card: ModelCard) -> None:
        """Drop a model, and free its memory."""
        self._drop(str(card.path))

    def _drop(self, path: str) -> None:
        self.loras.forget(path)
        gone = self._models.pop(path, None)
        if gone and gone.pipelines:
            del gone
            hardware.release_memory()

    def _model(self, card: ModelCard) -> _LoadedModel:
        """The entry of a model; a new one where its files have been replaced since they were loaded."""
        path, now = str(card.path), stamps(card)
        if path in self._models and self._models[path].stamps != now:
            self._drop(path)
        return self._models.setdefault(path, _LoadedModel(now))

    def _budget(self) -> int:
        """What models and adapters may take: the limit from the settings, or what is free plus what they hold."""
        held = sum(model.held for model in self._models.values()) + self.adapters.held()
        return self._vram or hardware.free_memory(self.device) + held

    def latent_colours(self, card: ModelCard) -> "Tensor":
        """The linear map from this model's latents to colours, for previews; fitted on first use."""
        model = self._model(card)
        if model.latent_colours is None:
            model.latent_colours = fit(self.any_task(card))
        return model.latent_colours

    def prompt_cache(self, card: ModelCard) -> PromptCache:
        """What this model's text encoders made of prompts since it was loaded."""
        return self._model(card).prompt_cache

    def _for_other_task(self, card: ModelCard, task: str) -> "DiffusionPipeline":
        some = next(iter(self._model(card).pipelines.values()))
        return self._prepared(card, _rebuilt(some, _class(card, task)))

    def _prepared(self, card: ModelCard, pipeline: "DiffusionPipeline") -> "DiffusionPipeline":
        return _without_progress_bar(offload.place_sibling(pipeline, self._model(card).plan, self.device))

    def _load(self, card: ModelCard, task: str) -> "DiffusionPipeline":
        device, wanted, plan = self.device, _class(card, task), self._model(card).plan
        card.check()
        try:
            pipeline = _read(card, wanted, _dtype(card, device))
        except StudioError:
            raise
        except Exception as error:  # damaged files raise all kinds of errors in the libraries
            if memory.ran_out(error):
                raise
            raise ModelError(f"the model '{card.name}' does not load: {reason(error)}") from None
        not_finite.check_model(pipeline, card)
        attention.use(pipeline, attention.choose(device))
        return _without_progress_bar(offload.place(pipeline, plan, device, card.path))


def _read(card: ModelCard, wanted: Any, dtype: "torch.dtype") -> Any:
    """The pipeline from a folder or a single file, in main memory."""
    if card.weights:
        return single_file.load(card, wanted, dtype, _accepted(wanted, _NO_SAFETY_CHECKER))
    how = {"dtype": dtype, "local_files_only": True, "use_safetensors": True, "variant": folder.variants(card.path)}
    return wanted.from_pretrained(card.path, **how, **_accepted(wanted, _NO_SAFETY_CHECKER))


def _rebuilt(pipeline: "DiffusionPipeline", wanted: Any, more: Mapping[str, Any] = _NOTHING) -> "DiffusionPipeline":
    """A pipeline of another class with the same modules and ``more``, and the same settings.

    Not by ``from_pipe``, which casts the modules of both.
    """
    other: DiffusionPipeline = wanted(**_accepted(wanted, {**pipeline.config, **pipeline.components, **more}))
    return other


def _accepted(wanted: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments that the class accepts."""
    takes = signature(wanted.__init__).parameters
    return {name: value for name, value in given.items() if name in takes}


def _dtype(card: ModelCard, device: "torch.device") -> "torch.dtype":
    """The device's best precision, or full precision where the family cannot run in it."""
    import torch

    best = pick_dtype(device)
    return best if str(best).removeprefix("torch.") in card.family.pipelines.half_dtypes else torch.float32


def _class(card: ModelCard, task: str) -> Any:
    """The diffusers pipeline class for a task."""
    if task not in card.family.pipelines.classes:
        raise InputError(f"{card.family.title}: {unknown('task', task, card.family.pipelines.classes)}")
    return getattr(libraries.diffusers(), card.family.pipelines.classes[task])


def _without_progress_bar(pipeline: "DiffusionPipeline") -> "DiffusionPipeline":
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
