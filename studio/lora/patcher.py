"""Merges LoRAs into the weights of a loaded model in place, and restores the original weights.

No module is wrapped and no parameter replaced, so offloading and compiling are not affected, a forward pass costs
nothing more, and removing a LoRA is a copy back, exact to the bit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio.errors import ModelError
from studio.lora import algorithms
from studio.lora.formats.key_mapping import ModuleLocation

if TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline
    from torch import Tensor

ParameterKey = tuple[str, str]
"""A component of a pipeline and a parameter in it: ("unet", "conv_in.weight")."""


@dataclass(frozen=True)
class WeightPatch:
    """What one layer of a LoRA file does to one parameter.

    ``source`` is the file's SHA-256 and ``target`` the module as the file names it. ``location`` is the module that is
    changed; ``all_locations`` are all that the layer changes, in the order of its rows. ``tensors`` are in main memory,
    as they were in the file.
    """

    source: str
    target: str
    algorithm: str
    location: ModuleLocation
    bias: bool
    all_locations: tuple[ModuleLocation, ...] = field(compare=False)
    tensors: Mapping[str, "Tensor"] = field(compare=False, repr=False)

    @property
    def key(self) -> ParameterKey:
        return _key(self.location, bias=self.bias)

    def add_to(self, value: "Tensor", strength: float, original: "Callable[[ParameterKey], Tensor]") -> None:
        """Add the patch at a strength to ``value``, the parameter's, on the same device and in the same dtype.

        ``original`` returns a parameter without any patch. Raises ModelError where the tensors do not fit together.
        """
        tensors = {kind: tensor.to(value) if tensor.ndim else tensor for kind, tensor in self.tensors.items()}
        here = _rows(value, self.location.target_rows)
        try:
            if self.bias:
                here += strength * self._own_rows(algorithms.bias_delta(tensors))
            elif pair := algorithms.low_rank_factors(self.algorithm, tensors):
                here.flatten(1).addmm_(self._own_rows(pair[0]), pair[1], alpha=strength)
            else:
                weight = self._original_weight(original).to(value)
                here += strength * self._own_rows(algorithms.weight_delta(self.algorithm, tensors, weight))
        except ModelError as error:
            raise ModelError(f"the LoRA's module '{self.target}': {error}") from None

    def factors(self, strength: float) -> "tuple[Tensor, Tensor] | None":
        """Two matrices in float64 whose product is all that it adds to its parameter; None where there are none."""
        tensors = {kind: tensor.double() for kind, tensor in self.tensors.items()}
        if self.bias or self.location.target_rows:
            return None
        pair = algorithms.low_rank_factors(self.algorithm, tensors)
        return (strength * self._own_rows(pair[0]), pair[1]) if pair else None

    def _own_rows(self, whole: "Tensor") -> "Tensor":
        """The rows of the layer's difference that belong to this location."""
        return _rows(whole, self.location.source_rows)

    def _original_weight(self, original: "Callable[[ParameterKey], Tensor]") -> "Tensor":
        """The original weight as the layer was trained on it: fused where the file has several modules as one."""
        import torch

        locations = self.all_locations if self.location.source_rows else (self.location,)
        parts = [_rows(original(_key(location, bias=False)), location.target_rows) for location in locations]
        return torch.cat(parts) if len(parts) > 1 else parts[0]


ParameterPatches = tuple[tuple[WeightPatch, float], ...]
"""The patches of one parameter with the strength of each."""


class WeightPatcher:
    """The patches that are applied to one loaded model, and the original values of the parameters that they change.

    Those are kept in main memory. The caller holds the lock under which the model runs.
    """

    def __init__(self, device: "torch.device") -> None:
        self._device = device
        self._applied: dict[ParameterKey, ParameterPatches] = {}
        self._original: dict[ParameterKey, Tensor] = {}

    def apply(self, pipeline: "DiffusionPipeline", patches: Mapping[ParameterKey, ParameterPatches]) -> None:
        """Apply exactly these patches; only parameters whose patches have changed are touched.

        They are computed in float32 on the device that the model runs on, and rounded to the parameter's dtype. Raises
        ModelError where tensors do not fit together or the weights are quantised. After any error the model has its
        original weights.
        """
        import torch

        different = [key for key in {**self._applied, **patches} if self._applied.get(key) != patches.get(key)]
        try:
            with torch.no_grad():
                for key in different:
                    self._change(pipeline, key, patches.get(key, ()))
        except BaseException:
            self.restore(pipeline)
            raise

    def restore(self, pipeline: "DiffusionPipeline") -> None:
        """Put back the original weights, bit for bit."""
        for key, value in self._original.items():
            _parameter(pipeline, key).data.copy_(value)
        self._original.clear()
        self._applied.clear()

    def applied_to(self, prefix: str) -> frozenset[tuple[ParameterKey, ParameterPatches]]:
        """What is applied to the components whose names begin with ``prefix``."""
        return frozenset(item for item in self._applied.items() if item[0][0].startswith(prefix))

    def _change(self, pipeline: "DiffusionPipeline", key: ParameterKey, patches: ParameterPatches) -> None:
        parameter = _parameter(pipeline, key)
        if parameter.dtype.itemsize < 2:
            raise ModelError(
                "the model's weights are rounded to save memory, so LoRAs cannot be applied to them; free some memory "
                "or leave out the LoRAs"
            )
        if key not in self._original:
            self._original[key] = parameter.data.to("cpu", copy=True)
        if patches:
            self._patch(pipeline, parameter.data, key, patches)
            self._applied[key] = patches
        else:
            parameter.data.copy_(self._original.pop(key))
            del self._applied[key]

    def _patch(
        self, pipeline: "DiffusionPipeline", data: "Tensor", key: ParameterKey, patches: ParameterPatches
    ) -> None:
        """Set a parameter's data to its original value plus all patches; in place where its dtype is exact enough."""
        import torch

        in_place = data.device == self._device and data.dtype == torch.float32
        value = data.copy_(self._original[key]) if in_place else self._in_float32(self._original[key]).clone()
        for patch, strength in patches:
            patch.add_to(value, strength, lambda key: self._original.get(key, _parameter(pipeline, key).data))
        if not in_place:
            data.copy_(value)

    def _in_float32(self, tensor: "Tensor") -> "Tensor":
        import torch

        return tensor.to(self._device, torch.float32)


def _rows(whole: "Tensor", rows: tuple[int, int] | None) -> "Tensor":
    return whole if rows is None else whole[slice(*rows)]


def _key(location: ModuleLocation, *, bias: bool) -> ParameterKey:
    return location.component, f"{location.module}.{'bias' if bias else 'weight'}"


def _parameter(pipeline: "DiffusionPipeline", key: ParameterKey) -> Any:
    return getattr(pipeline, key[0]).get_parameter(key[1])
