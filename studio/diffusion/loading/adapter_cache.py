"""Loads ControlNets, adapters, VAEs and image encoders, and keeps them."""

from collections.abc import Callable, Container
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from studio.diffusion import libraries
from studio.diffusion.loading import autoencoders
from studio.errors import ModelError, reason
from studio.files.untrusted import is_file
from studio.model_files.header import Header
from studio.models import checkpoint
from studio.models.adapters import Adapters, Part
from studio.models.folder import weight_files
from studio.tensors import finite, hardware
from studio.tensors.alignment import align
from studio.tensors.hardware import pick_device, pick_dtype
from studio.tensors.reading import read_all, read_named

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class AdapterCache:
    """The loaded adapters of one session, by the hash of their files; ``index`` finds them by name."""

    def __init__(self, index: Adapters, device: str = "auto") -> None:
        self.index, self._wanted = index, device
        self._loaded: dict[tuple[str, str, torch.dtype], nn.Module] = {}  # the most recently used last

    def held(self, without: Container[str] = ()) -> int:
        """Bytes of the device's memory that they take, not counting those whose SHA-256 is in ``without``."""
        device = pick_device(self._wanted).type
        tensors = (each for key, part in self._loaded.items() if key[0] not in without for each in part.parameters())
        return sum(each.numel() * each.element_size() for each in tensors if each.device.type == device)

    def drop(self, without: Container[str] = ()) -> None:
        """Drop the least recently used one whose SHA-256 is not in ``without``."""
        oldest = next((key for key in self._loaded if key[0] not in without), None)
        if oldest:
            del self._loaded[oldest]
            hardware.release_memory()

    def diffusers(self, part: Part, dtype: "torch.dtype", like: Callable[[], Any] | None = None) -> Any:
        """A ControlNet, T2I-Adapter or VAE, on the models' device and in the precision of the model it is for.

        ``like`` gives a model with the class and configuration of a single file. Raises ModelError where it does not
        load.
        """
        if part.class_name or like is None:
            return self._cached(part, getattr(libraries.diffusers(), part.class_name).from_pretrained, part.path, dtype)
        return self._cached(part, lambda path, **how: _from_file(like(), path, how["dtype"]), part.path, dtype)

    def transformers(self, part: Part, class_name: str, folder: Path, dtype: "torch.dtype | None" = None) -> Any:
        """A model of transformers: an image encoder, or one for depth or poses; in the device's best precision."""
        best = pick_dtype(pick_device(self._wanted))
        return self._cached(part, getattr(libraries.transformers(), class_name).from_pretrained, folder, dtype or best)

    def _cached(self, part: Part, load: Callable[..., Any], path: Path, dtype: "torch.dtype") -> Any:
        key = (part.sha256(), path.name, dtype)
        made = self._loaded.pop(key, None)
        if made is None:
            device = pick_device(self._wanted)
            try:
                made = load(path, dtype=dtype, local_files_only=True, use_safetensors=True)
            except Exception as error:  # damaged files raise all kinds of errors in the libraries
                raise ModelError(f"'{part.name}' does not load: {reason(error)}") from None
            finite.check_weights(made, part.name, [path] if is_file(path) else weight_files(path))
            made = made.to(device).eval()
            align(made)
        self._loaded[key] = made
        return made


def tensors(part: Part) -> "dict[str, Tensor]":
    """All tensors of an adapter in one file; raises ModelError where one is not finite."""
    return read_all(part.path)


def _from_file(like: Any, path: Path, dtype: Any) -> Any:
    """The weights of a file, with original or diffusers' names, in the configuration of ``like``."""
    if type(like).__name__.startswith("AutoencoderKL"):
        names = checkpoint.part(Header.read(path).tensors)
        return autoencoders.build(type(like), dict(like.config), read_named(path, names, dtype), dtype, path)
    from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES

    if type(like).__name__ not in SINGLE_FILE_LOADABLE_CLASSES:
        return _by_its_names(like, path).to(dtype)
    with TemporaryDirectory(prefix="studio-") as folder:
        like.save_config(folder)
        return type(like).from_single_file(str(path), config=folder, torch_dtype=dtype, local_files_only=True)


def _by_its_names(like: Any, path: Path) -> Any:
    """The weights of a file with diffusers' names, for classes that know no others."""
    import torch
    from safetensors.torch import load_file

    with torch.device("meta"):
        made = type(like).from_config(like.config)
    made.load_state_dict(load_file(path), assign=True)
    return made
