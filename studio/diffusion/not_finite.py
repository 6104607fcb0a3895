"""Checks for NaN and infinity in a loaded model, its latents and its pictures, which would be black."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.diffusion.latents import decoder
from studio.diffusion.memory.offload import modules
from studio.diffusion.patch import Method, patched
from studio.errors import NotFinite
from studio.models import folder
from studio.models.card import ModelCard
from studio.tensors.finite import check_weights, finite

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor


def check_model(pipeline: "DiffusionPipeline", card: ModelCard) -> None:
    """Raise ModelError that names a weight that is not finite, and its file."""
    for name, part in modules(pipeline):
        check_weights(part, card.name, _files(card, name))


def _files(card: ModelCard, component: str) -> list[Path]:
    """The files that the weights of a component may come from."""
    own = [card.path, *card.parts.values()] if card.weights else folder.weight_files(card.path / component)
    from_base = folder.weight_files(card.base / component) if card.base and card.base.is_dir() else []
    return own + from_base


class LatentCheck:
    """Checks the latents of one run: on a CPU after each step, on a GPU once at the end, to avoid synchronisation."""

    def __init__(self) -> None:
        self._known: list[Tensor] = []
        self._steps = 0

    def after(self, step: int, steps: int, latents: "Tensor") -> None:
        """Check the latents after a step, from 1; raises NotFinite as soon as it is known that they are not finite."""
        self._known.append(finite(latents))
        self._steps = steps
        if latents.device.type == "cpu" or step >= steps:
            self.check()

    def check(self) -> None:
        """Raise NotFinite that names the first step after which the latents were not finite."""
        import torch

        known = torch.stack(self._known).tolist() if self._known else []
        if not all(known):
            first = known.index(False) + 1
            raise NotFinite(
                f"the latents hold NaN or infinity after step {first} of {self._steps}: the picture would be black; "
                "lower the weights of prompts, LoRAs and guides, or the guidance, or take another sampler, "
                "or the model in another precision"
            )


@contextmanager
def checked_decoding(pipeline: "DiffusionPipeline") -> Iterator[None]:
    """While inside, raises NotFinite where the pipeline decodes latents to a picture that is not finite."""
    with patched(decoder(pipeline), "decode", _checked):
        yield


def _checked(own: Method) -> Method:
    def decode(*args: Any, **kwargs: Any) -> Any:
        made = own(*args, **kwargs)
        if not finite(made[0]):
            raise NotFinite(
                "the decoded picture holds NaN or infinity, though its latents do not, and would be black; "
                "take another VAE, or the model in another precision"
            )
        return made

    return decode
