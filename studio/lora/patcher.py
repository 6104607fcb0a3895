"""What a loaded model wears: changes merged into its weights where they lie, and its own weights kept meanwhile.

No module is wrapped and no parameter replaced, so that offloading and compiling notice nothing, a forward pass costs
nothing more, and taking off is a copy back, exact to the bit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio.errors import ModelError
from studio.lora import algorithms
from studio.lora.formats.key_mapping import Place

if TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline
    from torch import Tensor

Key = tuple[str, str]
"""A component of a pipeline and a parameter in it: ("unet", "conv_in.weight")."""


@dataclass(frozen=True)
class Piece:
    """What one change of a file does to one parameter.

    ``source`` is the file's SHA-256 and ``target`` the module as the file names it; ``places`` are all parameters
    that the change is for, in the order of its rows, ``place`` the one meant here. ``tensors`` are in main memory, as
    they were in the file.
    """

    source: str
    target: str
    form: str
    place: Place
    bias: bool
    places: tuple[Place, ...] = field(compare=False)
    tensors: Mapping[str, "Tensor"] = field(compare=False, repr=False)

    @property
    def key(self) -> Key:
        return _key(self.place, bias=self.bias)

    def add(self, made: "Tensor", strength: float, own: "Callable[[Key], Tensor]") -> None:
        """Add what it does at some strength to its parameter's value ``made``, on that one's device and as exactly.

        ``own`` gives a parameter as it is without any change. Raises ModelError where the tensors do not fit together.
        """
        of = {role: tensor.to(made) if tensor.ndim else tensor for role, tensor in self.tensors.items()}
        here = _cut(made, self.place.into)
        try:
            if self.bias:
                here += strength * self._rows(algorithms.bias(of))
            elif pair := algorithms.factors(self.form, of):
                here.flatten(1).addmm_(self._rows(pair[0]), pair[1], alpha=strength)
            else:
                here += strength * self._rows(algorithms.weight(self.form, of, self._whole(own).to(made)))
        except ModelError as error:
            raise ModelError(f"the LoRA's module '{self.target}': {error}") from None

    def factors(self, strength: float) -> "tuple[Tensor, Tensor] | None":
        """Two matrices whose product is all that it adds to its parameter, in float64; None where that is not so."""
        of = {role: tensor.double() for role, tensor in self.tensors.items()}
        if self.bias or self.place.into or not (pair := algorithms.factors(self.form, of)):
            return None
        return strength * self._rows(pair[0]), pair[1]

    def _rows(self, whole: "Tensor") -> "Tensor":
        """Of what the change makes, that which belongs in its place."""
        return _cut(whole, self.place.rows)

    def _whole(self, own: "Callable[[Key], Tensor]") -> "Tensor":
        """The own weight as the file sees it, fused where it has fused it."""
        import torch

        seen = self.places if self.place.rows else (self.place,)
        parts = [_cut(own(_key(place, bias=False)), place.into) for place in seen]
        return torch.cat(parts) if len(parts) > 1 else parts[0]


Worn = tuple[tuple[Piece, float], ...]
"""Changes of one parameter, and how strong each is."""


class Wardrobe:
    """One loaded model's: what it wears, by parameter, and the weights of its own that this covers.

    These lie in main memory. Whoever changes clothes holds the lock under which the model runs.
    """

    def __init__(self, device: "torch.device") -> None:
        self._device = device
        self._worn: dict[Key, Worn] = {}
        self._own: dict[Key, Tensor] = {}

    def wear(self, pipeline: "DiffusionPipeline", wanted: Mapping[Key, Worn]) -> None:
        """Exactly this from now on; only parameters that differ from what is worn are touched.

        Computed in float32 on the device that the model runs on, and rounded to the parameter's precision. Raises
        ModelError where a change's tensors do not fit together or the weights are rounded ones; whatever is raised,
        nothing is worn then.
        """
        import torch

        differ = [key for key in {**self._worn, **wanted} if self._worn.get(key) != wanted.get(key)]
        try:
            with torch.no_grad():
                for key in differ:
                    self._change(pipeline, key, wanted.get(key, ()))
        except BaseException:
            self.off(pipeline)
            raise

    def off(self, pipeline: "DiffusionPipeline") -> None:
        """The model's own weights again, bit for bit."""
        for key, own in self._own.items():
            _parameter(pipeline, key).data.copy_(own)
        self._own.clear()
        self._worn.clear()

    def worn(self, components: str) -> frozenset[tuple[Key, Worn]]:
        """What is worn by the components whose names begin so."""
        return frozenset(item for item in self._worn.items() if item[0][0].startswith(components))

    def _change(self, pipeline: "DiffusionPipeline", key: Key, worn: Worn) -> None:
        parameter = _parameter(pipeline, key)
        if parameter.dtype.itemsize < 2:
            raise ModelError(
                "the model's weights are rounded to save memory, and take no LoRA; free some, or take none"
            )
        if key not in self._own:
            self._own[key] = parameter.data.to("cpu", copy=True)
        if worn:
            self._put(pipeline, parameter.data, key, worn)
            self._worn[key] = worn
        else:
            parameter.data.copy_(self._own.pop(key))
            del self._worn[key]

    def _put(self, pipeline: "DiffusionPipeline", here: "Tensor", key: Key, worn: Worn) -> None:
        """Make a parameter's data its own value with all changes added; in place where it has the precision for it."""
        import torch

        in_place = here.device == self._device and here.dtype == torch.float32
        made = here.copy_(self._own[key]) if in_place else self._ready(self._own[key]).clone()
        for piece, strength in worn:
            piece.add(made, strength, lambda key: self._own.get(key, _parameter(pipeline, key).data))
        if not in_place:
            here.copy_(made)

    def _ready(self, tensor: "Tensor") -> "Tensor":
        import torch

        return tensor.to(self._device, torch.float32)


def _cut(whole: "Tensor", rows: tuple[int, int] | None) -> "Tensor":
    return whole if rows is None else whole[slice(*rows)]


def _key(place: Place, *, bias: bool) -> Key:
    return place.component, f"{place.module}.{'bias' if bias else 'weight'}"


def _parameter(pipeline: "DiffusionPipeline", key: Key) -> Any:
    return getattr(pipeline, key[0]).get_parameter(key[1])
