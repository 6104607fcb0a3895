"""Loads models and keeps them; the tasks of one model share its modules."""

import os
from collections.abc import Mapping
from inspect import signature
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from studio.engine import singlefile
from studio.engine.hardware import pick_device, pick_dtype
from studio.engine.parts import Parts
from studio.engine.preview import fit
from studio.errors import InputError, ModelError
from studio.models.card import ModelCard
from studio.plugins import unknown

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


class Pipelines:
    """The loaded models of one session, by model and task."""

    def __init__(self, device: str = "auto") -> None:
        self._wanted = device
        self.parts = Parts(device)
        self._loaded: dict[tuple[str, str], DiffusionPipeline] = {}
        self._colours: dict[str, Tensor] = {}

    def get(self, card: ModelCard, task: str) -> "DiffusionPipeline":
        """The pipeline of a model for a task ("text-to-image", "image-to-image").

        The first task loads the files; the others are built around the same modules, with
        nothing copied or cast. Raises ModelError where the files do not load.
        """
        key = (str(card.path), task)
        if key not in self._loaded:
            self._loaded[key] = self._sibling(card, task) or self._load(card, task)
        return self._loaded[key]

    def any(self, card: ModelCard) -> "DiffusionPipeline":
        """Some pipeline of the model, to look at what all of them share."""
        return self.get(card, next(iter(card.family.pipelines)))

    def around(self, card: ModelCard, task: str, more: Mapping[str, Any]) -> "DiffusionPipeline":
        """A fresh pipeline for a task that takes ``more`` modules besides the model's own: ControlNets.

        It is not kept; the modules are, by whoever loaded them.
        """
        return _quiet(_around(self.any(card), _class(card, task), more))

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
        device, wanted = pick_device(self._wanted), _class(card, task)
        card.check()
        try:
            pipeline = _read(card, wanted, _dtype(card, device))
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(f"the model '{card.name}' does not load: {str(error).splitlines()[0]}") from None
        return _quiet(pipeline.to(device))


def _read(card: ModelCard, wanted: Any, dtype: "torch.dtype") -> Any:
    """The model from its files, a folder's or the single one, in main memory."""
    if card.weights:
        return singlefile.load(card, wanted, dtype)
    unguarded = _taken(wanted, _UNGUARDED)
    return wanted.from_pretrained(card.path, dtype=dtype, local_files_only=True, use_safetensors=True, **unguarded)


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
