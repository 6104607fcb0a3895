"""Loads models and keeps those that fit; the tasks of one model share its modules."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import signature
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from studio.diffusion import libraries, not_finite
from studio.diffusion.loading import single_file
from studio.diffusion.loading.adapter_cache import Parts
from studio.diffusion.memory import adapter_footprint, attention, offload
from studio.diffusion.memory import plan as memory
from studio.diffusion.memory.memory_footprint import Anatomy, stamps
from studio.diffusion.memory.plan import Forecast, Placement, Plan
from studio.diffusion.preview import fit
from studio.diffusion.prompts.prompt_cache import Remembered
from studio.errors import InputError, ModelError, StudioError, reason
from studio.lora.loading import Loras
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
_UNGUARDED = {"safety_checker": None, "requires_safety_checker": False}


@dataclass
class _Model:
    """A model at work: what its files were, how it is kept, how many bytes it holds on the device while it rests.

    ``pipelines`` are by their tasks and share their modules; ``colours`` is its map for previews, ``words`` what it
    has read.
    """

    stamps: tuple[Stamp, ...]
    plan: Plan = field(default_factory=Plan)
    resting: int = 0
    pipelines: "dict[str, DiffusionPipeline]" = field(default_factory=dict)
    colours: "Tensor | None" = None
    words: Remembered = field(default_factory=Remembered)

    @property
    def held(self) -> int:
        """Bytes of the device's memory that it takes while it does nothing."""
        return self.resting if self.pipelines else 0


class Pipelines:
    """The loaded models of one session, by model and task.

    Whoever runs a pipeline holds ``alone`` meanwhile: a second run would break the first one's sampler.
    """

    def __init__(self, device: str = "auto", vram: int | None = None) -> None:
        self.alone = threading.RLock()
        self._wanted, self._vram = device, vram
        self.parts = Parts(device)
        self.loras = Loras(device)
        self._models: dict[str, _Model] = {}  # by their paths, the one used last at the end

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
        model = self._model(card)
        if task not in model.pipelines:
            model.pipelines[task] = self._sibling(card, task) if model.pipelines else self._load(card, task)
        offload.decode(model.pipelines[task], model.plan)
        return model.pipelines[task]

    def any(self, card: ModelCard) -> "DiffusionPipeline":
        """Some pipeline of the model, to look at what all of them share; LoRAs that it wears stay on."""
        return self.loaded(card, next(iter(card.family.pipelines.classes)))

    def around(self, card: ModelCard, task: str, more: Mapping[str, Any]) -> "DiffusionPipeline":
        """A fresh pipeline for a task that takes ``more`` modules besides the model's own: ControlNets.

        It is not kept; the modules are, by whoever loaded them.
        """
        return self._along(card, _around(self.any(card), _class(card, task), more))

    def plan(self, card: ModelCard, request: Request, pictures: int) -> Plan:
        """How a request for so many pictures will be run in the memory there is, with this model alone if need be.

        From now on the model is kept by it; others, and parts that the request does not need, leave memory where
        they are in its way.
        """
        forecast, model = self.forecast(card, request), self._model(card)
        least = model.plan.placement if model.pipelines else Placement.KEEP
        there = self._budget()
        chosen = memory.plan(forecast, pictures, there, least=least)
        self.adopt(card, chosen, forecast.resting(chosen))
        self.make_room(card, request, there - forecast.peak(chosen))
        return chosen

    def forecast(self, card: ModelCard, request: Request) -> Forecast:
        """What a request will take, from the headers of the model's files."""
        return Forecast(Anatomy.of(card), card, request, self.device.type)

    def adopt(self, card: ModelCard, plan: Plan, resting: int) -> None:
        """Keep a model by a plan from now on; one that must be placed anew is loaded again when it is next got.

        ``resting`` is how many bytes of the device's memory it then takes while it does nothing.
        """
        old = self._model(card).plan
        if (old.placement, old.storage) != (plan.placement, plan.storage):
            self.drop(card)
        model = self._model(card)
        model.plan, model.resting = plan, resting
        self._models[str(card.path)] = self._models.pop(str(card.path))

    def make_room(self, card: ModelCard, request: Request, left: int = 0) -> None:
        """Drop parts, then models, that a request does not need, until these take no more than ``left`` bytes.

        Those go first that were not used for longest.
        """
        needed = {part.sha256() for part in adapter_footprint.named(request.guide)}
        others = [path for path, model in self._models.items() if path != str(card.path) and model.held]
        while self.parts.held(needed) + sum(self._models[path].held for path in others) > max(left, 0):
            if self.parts.held(needed):
                self.parts.drop(needed)
            else:
                self._drop(others.pop(0))

    def drop(self, card: ModelCard) -> None:
        """Let a model go, and its memory with it."""
        self._drop(str(card.path))

    def _drop(self, path: str) -> None:
        self.loras.forget(path)
        gone = self._models.pop(path, None)
        if gone and gone.pipelines:
            del gone
            hardware.give_back()

    def _model(self, card: ModelCard) -> _Model:
        """What is known of a model; nothing, where other files lie in the place of those that were loaded."""
        path, now = str(card.path), stamps(card)
        if path in self._models and self._models[path].stamps != now:
            self._drop(path)
        return self._models.setdefault(path, _Model(now))

    def _budget(self) -> int:
        """What models and parts may take: all that was allowed, or what is free and what they hold already."""
        held = sum(model.held for model in self._models.values()) + self.parts.held()
        return self._vram or hardware.free(self.device) + held

    def colours(self, card: ModelCard) -> "Tensor":
        """The map from this model's latents to colours, for previews; fitted when first asked for."""
        model = self._model(card)
        if model.colours is None:
            model.colours = fit(self.any(card))
        return model.colours

    def words(self, card: ModelCard) -> Remembered:
        """What this model has read since it was loaded."""
        return self._model(card).words

    def _sibling(self, card: ModelCard, task: str) -> "DiffusionPipeline":
        some = next(iter(self._model(card).pipelines.values()))
        return self._along(card, _around(some, _class(card, task)))

    def _along(self, card: ModelCard, pipeline: "DiffusionPipeline") -> "DiffusionPipeline":
        return _quiet(offload.along(pipeline, self._model(card).plan, self.device))

    def _load(self, card: ModelCard, task: str) -> "DiffusionPipeline":
        device, wanted, plan = self.device, _class(card, task), self._model(card).plan
        card.check()
        try:
            pipeline = _read(card, wanted, _dtype(card, device))
        except StudioError:
            raise
        except Exception as error:  # what a damaged file makes the libraries stumble over has no end
            if memory.ran_out(error):
                raise
            raise ModelError(f"the model '{card.name}' does not load: {reason(error)}") from None
        not_finite.check_model(pipeline, card)
        attention.use(pipeline, attention.choose(device))
        return _quiet(offload.placed(pipeline, plan, device, card.path))


def _read(card: ModelCard, wanted: Any, dtype: "torch.dtype") -> Any:
    """The model from its files, a folder's or the single one, in main memory."""
    if card.weights:
        return single_file.load(card, wanted, dtype, _taken(wanted, _UNGUARDED))
    how = {"dtype": dtype, "local_files_only": True, "use_safetensors": True, "variant": folder.variants(card.path)}
    return wanted.from_pretrained(card.path, **how, **_taken(wanted, _UNGUARDED))


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
    return best if str(best).removeprefix("torch.") in card.family.pipelines.half_dtypes else torch.float32


def _class(card: ModelCard, task: str) -> Any:
    """The diffusers class for a task."""
    if task not in card.family.pipelines.classes:
        raise InputError(f"{card.family.title}: {unknown('task', task, card.family.pipelines.classes)}")
    return getattr(libraries.diffusers(), card.family.pipelines.classes[task])


def _quiet(pipeline: "DiffusionPipeline") -> "DiffusionPipeline":
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
