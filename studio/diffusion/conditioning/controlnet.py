"""ControlNets and T2I-Adapters: the result follows the lines, depth or poses of a picture."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from studio.diffusion.conditioning.controlnet_union import with_control_type
from studio.diffusion.images import resized
from studio.diffusion.loading.adapter_cache import AdapterCache
from studio.diffusion.patch import Method, patched
from studio.errors import InputError
from studio.parameters.conditioning import ControlImage
from studio.parameters.types import Size

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor


def load_controlnets(model: "DiffusionPipeline", parts: AdapterCache, controls: Sequence[ControlImage]) -> Any:
    """The loaded ControlNets: a single one, or a list where pipelines expect it.

    Raises InputError that names one made for another kind of model.
    """
    loaded = [_load_controlnet(model, parts, control) for control in controls]
    loaded_with_type = [with_control_type(net, control.mode) for net, control in zip(loaded, controls, strict=True)]
    return loaded_with_type if loaded_with_type != loaded or len(loaded_with_type) > 1 else loaded_with_type[0]


def _load_controlnet(model: "DiffusionPipeline", parts: AdapterCache, control: ControlImage) -> Any:
    part = parts.index.find(control.part, "controlnet")
    net = parts.diffusers(part, model.dtype, lambda: _empty(model, len(part.modes)))
    if not _fits_model(net, model):
        raise _wrong_model(part.name)
    return net


def arguments(pipeline: "DiffusionPipeline", controls: Sequence[ControlImage], size: Size) -> dict[str, Any]:
    """The arguments of a pipeline that has ControlNets, or follows a picture by itself.

    They are lists where there are several ControlNets. Raises InputError for a weight, start or end that the pipeline
    does not support.
    """
    taken = signature(type(pipeline).__call__).parameters
    arguments: dict[str, list[Any]] = {
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
    return {name: each if many else each[0] for name, each in arguments.items() if name in taken}


@contextmanager
def deterministic_vae(pipeline: "DiffusionPipeline") -> Iterator[None]:
    """While inside, the VAE encodes pictures to the mode of its distribution instead of sampling from it.

    This is for transformers, whose pipelines encode the control image with the VAE: they draw from the seed's generator
    before the noise does, or from one that cannot be repeated.
    """
    if hasattr(pipeline, "unet") or "control_image" not in signature(type(pipeline).__call__).parameters:
        yield
        return
    with patched(pipeline.vae, "encode", _use_mode):
        yield


def _use_mode(own: Method) -> Method:
    def encode(*args: Any, **kwargs: Any) -> Any:
        encoded = own(*args, **kwargs)
        spread = encoded.latent_dist
        spread.sample = lambda generator=None: spread.mode()  # noqa: ARG005 the signature is the library's
        return encoded

    return encode


@contextmanager
def t2i_adapters(
    pipeline: "DiffusionPipeline", parts: AdapterCache, controls: Sequence[ControlImage], size: Size
) -> Iterator[None]:
    """While inside, the U-Net gets the features that T2I-Adapters extract from their pictures."""
    with ExitStack() as stack:
        for control in controls:
            part = parts.index.find(control.part, "controlnet")
            adapter = parts.diffusers(part, pipeline.dtype)
            levels = tuple(pipeline.unet.config.block_out_channels)
            if tuple(adapter.config.channels[: len(levels)]) != levels:  # one for SDXL has one level more
                raise _wrong_model(part.name)
            seen = [control.weight * each for each in _adapter_features(adapter, resized(control.picture, size))]
            stack.enter_context(patched(pipeline.unet, "forward", _AdapterFeatures(pipeline, seen, control)))
        yield


class _AdapterFeatures:
    """Adds features to the U-Net's down blocks, in the steps from a control's start to its end."""

    def __init__(self, pipeline: "DiffusionPipeline", seen: "list[Tensor]", control: ControlImage) -> None:
        self._pipeline, self._adapter_features, self._control = pipeline, seen, control
        self._first: int | None = None

    def __call__(self, own: Method) -> Method:
        def forward(sample: "Tensor", timestep: Any, *rest: Any, **named: Any) -> Any:
            if self._is_active(timestep):
                before = named.get("down_intrablock_additional_residuals") or [0] * len(self._adapter_features)
                added = [each.expand(len(sample), -1, -1, -1) for each in self._adapter_features]
                both = [one + other for one, other in zip(before, added, strict=True)]
                named = {**named, "down_intrablock_additional_residuals": both}
            return own(sample, timestep, *rest, **named)

        return forward

    def _is_active(self, timestep: Any) -> bool:
        """As diffusers does it for ControlNets: a step is active if all of it lies between start and end."""
        timesteps = self._pipeline.scheduler.timesteps.tolist()
        place = timesteps.index(float(timestep))
        self._first = place if self._first is None else self._first
        n, of = place - self._first, len(timesteps) - self._first
        return bool(n / of >= self._control.start and (n + 1) / of <= self._control.end)


def _adapter_features(adapter: Any, picture: Image) -> "list[Tensor]":
    """The adapter's features of a picture, one tensor for each level of the U-Net."""
    import numpy as np
    import torch

    levels = np.asarray(picture.convert("L" if adapter.config.in_channels == 1 else "RGB"), np.float32) / 255
    pixels = torch.from_numpy(levels.reshape(1, *levels.shape[:2], -1)).permute(0, 3, 1, 2)
    with torch.no_grad():
        return list(adapter(pixels.to(adapter.device, adapter.dtype)))


def _empty(model: "DiffusionPipeline", modes: int) -> Any:
    """A ControlNet without weights, in the shape of a model's U-Net; its input is latents without a mask."""
    import torch
    from diffusers import ControlNetModel, ControlNetUnionModel

    kind, width = (ControlNetUnionModel if modes else ControlNetModel), model.unet.config.block_out_channels[0]
    union = {"num_control_type": modes, "num_trans_channel": width, "num_proj_channel": width} if modes else {}
    with torch.device("meta"):
        like = dict(kind.from_unet(model.unet, load_weights_from_unet=False).config)
        like.pop("_use_default_values")  # else what is changed here is changed back
        return kind.from_config(like | union | {"in_channels": model.vae.config.latent_channels})


def _fits_model(net: Any, model: "DiffusionPipeline") -> bool:
    """Whether a ControlNet was made for this kind of model.

    Its U-Net has the same levels and text width, or its class is named after the model's transformer.
    """
    kind = type(net).__name__.replace("Union", "")
    unet, name = getattr(model, "unet", None), kind.removesuffix("ControlNetModel")
    if unet is None:
        return name != "" and str(type(model.transformer).__name__).startswith(name)
    same = ("cross_attention_dim", "block_out_channels")
    return not name and [net.config[key] for key in same] == [unet.config[key] for key in same]


def _wrong_model(name: str) -> InputError:
    return InputError(f"'{name}' was made for another kind of model; choose one that fits, or another model")
