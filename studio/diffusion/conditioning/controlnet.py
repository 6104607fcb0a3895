"""Pictures whose lines, depth or poses are followed: through ControlNets, and through T2I-Adapters."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from studio.diffusion.conditioning.controlnet_union import told_mode
from studio.diffusion.images import resized
from studio.diffusion.loading.adapter_cache import Parts
from studio.diffusion.patch import Method, patched
from studio.errors import InputError
from studio.parameters.conditioning import Control
from studio.parameters.types import Size

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor


def nets(plain: "DiffusionPipeline", parts: Parts, controls: Sequence[Control]) -> Any:
    """The ControlNets, loaded: one, or where pipelines want that a list.

    Raises InputError that names one made for another kind of model.
    """
    loaded = [_net(plain, parts, control) for control in controls]
    told = [told_mode(net, control.mode) for net, control in zip(loaded, controls, strict=True)]
    return told if told != loaded or len(told) > 1 else told[0]


def _net(plain: "DiffusionPipeline", parts: Parts, control: Control) -> Any:
    part = parts.index.find(control.part, "controlnet")
    net = parts.diffusers(part, plain.dtype, lambda: _empty(plain, len(part.modes)))
    if not _fits(net, plain):
        raise _stranger(part.name)
    return net


def arguments(pipeline: "DiffusionPipeline", controls: Sequence[Control], size: Size) -> dict[str, Any]:
    """What a pipeline with ControlNets, or that follows a picture by itself, is called with.

    Lists, or for a single net no lists. Raises InputError where they shall count for less, begin late or end early and
    this pipeline cannot do that.
    """
    taken = signature(type(pipeline).__call__).parameters
    given: dict[str, list[Any]] = {
        "control_image" if "control_image" in taken else "image": [resized(c.picture, size) for c in controls],
        "controlnet_conditioning_scale": [float(control.weight) for control in controls],
        "control_guidance_start": [float(control.start) for control in controls],
        "control_guidance_end": [float(control.end) for control in controls],
        "control_mode": [control.mode for control in controls],
    }
    if "control_guidance_start" not in taken and any((c.start, c.end) != (0, 1) for c in controls):
        raise InputError("this model follows its picture in all steps; leave start at 0 and end at 1")
    if "controlnet_conditioning_scale" not in taken and any(control.weight != 1 for control in controls):
        raise InputError("this model follows its picture in full; leave weight at 1")
    many = hasattr(getattr(pipeline, "controlnet", None), "nets")
    return {name: each if many else each[0] for name, each in given.items() if name in taken}


@contextmanager
def exact(pipeline: "DiffusionPipeline") -> Iterator[None]:
    """While inside, the VAE gives the likeliest latents of a picture and no random ones near them.

    Transformers see a picture to follow so, and the pipelines take the randomness from the seed before
    the noise does, or from nowhere that could be repeated.
    """
    if hasattr(pipeline, "unet") or "control_image" not in signature(type(pipeline).__call__).parameters:
        yield
        return
    with patched(pipeline.vae, "encode", _likeliest):
        yield


def _likeliest(own: Method) -> Method:
    def encode(*given: Any, **named: Any) -> Any:
        encoded = own(*given, **named)
        spread = encoded.latent_dist
        spread.sample = lambda generator=None: spread.mode()  # noqa: ARG005 the signature is the library's
        return encoded

    return encode


@contextmanager
def adapted(pipeline: "DiffusionPipeline", parts: Parts, controls: Sequence[Control], size: Size) -> Iterator[None]:
    """While inside, the U-Net is given what T2I-Adapters see in their pictures."""
    with ExitStack() as stack:
        for control in controls:
            part = parts.index.find(control.part, "controlnet")
            adapter = parts.diffusers(part, pipeline.dtype)
            levels = tuple(pipeline.unet.config.block_out_channels)
            if tuple(adapter.config.channels[: len(levels)]) != levels:  # one for SDXL has a level more
                raise _stranger(part.name)
            seen = [control.weight * each for each in _seen(adapter, resized(control.picture, size))]
            stack.enter_context(patched(pipeline.unet, "forward", _Adding(pipeline, seen, control)))
        yield


class _Adding:
    """Adds features to what the U-Net's way down makes, in the steps from a control's start to its end."""

    def __init__(self, pipeline: "DiffusionPipeline", seen: "list[Tensor]", control: Control) -> None:
        self._pipeline, self._seen, self._control = pipeline, seen, control
        self._first: int | None = None

    def __call__(self, own: Method) -> Method:
        def forward(sample: "Tensor", timestep: Any, *rest: Any, **named: Any) -> Any:
            if self._acts(timestep):
                before = named.get("down_intrablock_additional_residuals") or [0] * len(self._seen)
                added = [each.expand(len(sample), -1, -1, -1) for each in self._seen]
                both = [one + other for one, other in zip(before, added, strict=True)]
                named = {**named, "down_intrablock_additional_residuals": both}
            return own(sample, timestep, *rest, **named)

        return forward

    def _acts(self, timestep: Any) -> bool:
        """The rule of diffusers' ControlNets: a step counts that lies within start and end wholly."""
        timesteps = self._pipeline.scheduler.timesteps.tolist()
        place = timesteps.index(float(timestep))
        self._first = place if self._first is None else self._first
        n, of = place - self._first, len(timesteps) - self._first
        return bool(n / of >= self._control.start and (n + 1) / of <= self._control.end)


def _seen(adapter: Any, picture: Image) -> "list[Tensor]":
    """The adapter's features, one tensor for each level of the U-Net."""
    import numpy as np
    import torch

    levels = np.asarray(picture.convert("L" if adapter.config.in_channels == 1 else "RGB"), np.float32) / 255
    pixels = torch.from_numpy(levels.reshape(1, *levels.shape[:2], -1)).permute(0, 3, 1, 2)
    with torch.no_grad():
        return list(adapter(pixels.to(adapter.device, adapter.dtype)))


def _empty(plain: "DiffusionPipeline", modes: int) -> Any:
    """A ControlNet without weights, of the shape that suits a model's U-Net; it sees latents, never a mask."""
    import torch
    from diffusers import ControlNetModel, ControlNetUnionModel

    kind, width = (ControlNetUnionModel if modes else ControlNetModel), plain.unet.config.block_out_channels[0]
    union = {"num_control_type": modes, "num_trans_channel": width, "num_proj_channel": width} if modes else {}
    with torch.device("meta"):
        like = dict(kind.from_unet(plain.unet, load_weights_from_unet=False).config)
        like.pop("_use_default_values")  # else what is changed here is changed back
        return kind.from_config(like | union | {"in_channels": plain.vae.config.latent_channels})


def _fits(net: Any, plain: "DiffusionPipeline") -> bool:
    """Whether a ControlNet is of the model's kind: the same levels and words, or the same architecture by name."""
    kind = type(net).__name__.replace("Union", "")
    unet, name = getattr(plain, "unet", None), kind.removesuffix("ControlNetModel")
    if unet is None:
        return name != "" and str(type(plain.transformer).__name__).startswith(name)
    same = ("cross_attention_dim", "block_out_channels")
    return not name and [net.config[key] for key in same] == [unet.config[key] for key in same]


def _stranger(name: str) -> InputError:
    return InputError(f"'{name}' was made for another kind of model; choose one that fits, or another model")
