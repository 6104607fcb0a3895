"""The LoRAs of a session: loaded from files, and applied to the pipelines' weights for a forward pass.

LoRAs stay applied until the next pass wants others, and files that were used recently are not read again.
``Pipelines.get``, or a pass without LoRAs, restores the model's original weights.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from studio.errors import InputError
from studio.families import Shapes
from studio.lora.library.lora_index import LoraIndex
from studio.lora.loaded_lora import LoadedLora, check, is_text, load, strength_of
from studio.lora.patcher import ParameterKey, ParameterPatches, WeightPatch, WeightPatcher
from studio.model_files.hashes import digest
from studio.models.card import ModelCard
from studio.parameters.conditioning import Guide
from studio.parameters.request import Request
from studio.prompts.lora import Lora
from studio.tensors.hardware import pick_device

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor

_CACHE_SIZE: Final = 2**30  # bytes of files that are kept in memory


class LoraLoader:
    """The files that were read, by the model they were matched with, and a patcher for each loaded model."""

    def __init__(self, index: LoraIndex, device: str = "auto") -> None:
        self._index, self._device = index, device
        self._loaded: OrderedDict[tuple[str, str], LoadedLora] = OrderedDict()  # the most recently used at the end
        self._patchers: dict[str, WeightPatcher] = {}

    def stack(self, card: ModelCard, pipeline: "DiffusionPipeline", guide: Guide) -> "ActiveLoras":
        """The LoRAs of a guide, ready to be applied to a pipeline of the model.

        Raises InputError that names the modules where a file does not fit the model as a whole, or that names a block
        in which it changes nothing; ModelError where a file is not a LoRA or is damaged.
        """
        loaded = {lora: self._load(card, pipeline, lora) for lora in all_loras(guide)}
        return ActiveLoras(self._patcher(card), pipeline, guide, loaded)

    def restore(self, card: ModelCard, pipeline: "DiffusionPipeline") -> None:
        """Put back the model's original weights."""
        self._patcher(card).restore(pipeline)

    def forget(self, model: str) -> None:
        """Drop everything that is kept for a model which is unloaded."""
        self._patchers.pop(model, None)
        for key in [key for key in self._loaded if key[0] == model]:
            del self._loaded[key]

    def _patcher(self, card: ModelCard) -> WeightPatcher:
        key = str(card.path)
        if key not in self._patchers:
            self._patchers[key] = WeightPatcher(pick_device(self._device))
        return self._patchers[key]

    def _load(self, card: ModelCard, pipeline: "DiffusionPipeline", lora: Lora) -> LoadedLora:
        path = self._index.find(lora.part)
        key = (str(card.path), digest(path, self._index.hash_cache))
        if key not in self._loaded:
            self._loaded[key] = load(path, _shapes(pipeline), card)
        self._loaded.move_to_end(key)
        while len(self._loaded) > 1 and sum(each.size for each in self._loaded.values()) > _CACHE_SIZE:
            self._loaded.popitem(last=False)
        check(lora, card, self._loaded[key])
        return self._loaded[key]


class ActiveLoras:
    """The LoRAs of one forward pass."""

    def __init__(
        self, patcher: WeightPatcher, pipeline: "DiffusionPipeline", guide: Guide, loaded: Mapping[Lora, LoadedLora]
    ) -> None:
        self._patcher, self._pipeline, self._guide, self._loaded = patcher, pipeline, guide, loaded
        self._step, self._steps = 0, 1

    def apply(self, of_region: Sequence[Lora] = ()) -> None:
        """Apply the picture's LoRAs that act in the next step, and those of a region.

        Text encoders encode a prompt once for all steps, so there a LoRA acts whenever it acts in the denoiser.
        """
        patches: dict[ParameterKey, ParameterPatches] = {}
        for lora in (*self._guide.loras, *of_region):
            for patch in self._loaded[lora].patches:
                if strength := self._strength(lora, patch):
                    patches[patch.key] = (*patches.get(patch.key, ()), (patch, strength))
        self._patcher.apply(self._pipeline, patches)

    def after_step(self, step: int, steps: int) -> None:
        """Apply the LoRAs that act after ``step`` of ``steps`` steps."""
        self._step, self._steps = step, steps
        if step < steps and any((lora.start, lora.end) != (0, 1) for lora in self._loaded):
            self.apply()

    def encoder_state(self) -> Hashable:
        """What changes how prompts are encoded now: the patches of the text encoders, and the files with embeddings."""
        files = frozenset(loaded.sha256 for loaded in self._loaded.values() if loaded.embeddings)
        return self._patcher.applied_to("text_encoder"), files

    def embeddings(self) -> "dict[str, list[Tensor]]":
        """The embeddings that are stored with the LoRAs: word → vectors for each text encoder."""
        return {word: vectors for loaded in self._loaded.values() for word, vectors in loaded.embeddings.items()}

    def record(self) -> list[dict[str, Any]]:
        """The LoRAs for the picture's record: name, hash, the LoRA as written, and modules changed of how many."""
        return [_record(lora, self._loaded[lora]) for lora in all_loras(self._guide)]

    def _strength(self, lora: Lora, patch: WeightPatch) -> float:
        acts = lora.start <= self._step / self._steps < lora.end or is_text(patch)
        return strength_of(lora, patch) if acts else 0.0


def all_loras(guide: Guide) -> list[Lora]:
    """The picture's LoRAs, then those of its regions."""
    return [*guide.loras, *(lora for region in guide.regions for lora in region.loras)]


def check_steps(request: Request) -> None:
    """Raise InputError that names a LoRA which would act in none of the request's steps."""
    steps = request.steps_run
    for lora in all_loras(request.guide):
        if not any(lora.start <= step / steps < lora.end for step in range(steps)):
            raise InputError(f"the LoRA '{lora}' acts in none of {steps} steps; let it begin earlier or end later")


def _record(lora: Lora, loaded: LoadedLora) -> dict[str, Any]:
    changed = {patch.target for patch in loaded.patches if strength_of(lora, patch)}
    return {
        "name": loaded.name,
        "sha256": loaded.sha256,
        "asked": str(lora),
        "modules": len(changed),
        "of": loaded.modules,
    } | ({"unfit": list(loaded.unfit)} if loaded.unfit else {})


def _shapes(pipeline: "DiffusionPipeline") -> dict[str, Shapes]:
    """The shapes of the parameters that a LoRA may change, by component."""
    components = {
        name: component
        for name, component in pipeline.components.items()
        if name in {"unet", "transformer"} or name.startswith("text_encoder")
    }
    return {
        name: {key: tuple(parameter.shape) for key, parameter in component.named_parameters()}
        for name, component in components.items()
        if component is not None
    }
