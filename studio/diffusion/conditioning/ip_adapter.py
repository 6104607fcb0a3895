"""IP-Adapters: the result resembles reference pictures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from studio.diffusion.loading import adapter_cache as files
from studio.diffusion.loading.adapter_cache import AdapterCache
from studio.errors import InputError, ModelError
from studio.files.untrusted import is_file
from studio.models.adapters import Part
from studio.parameters.conditioning import ReferenceImage

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor


@contextmanager
def ip_adapters(
    pipeline: "DiffusionPipeline", parts: AdapterCache, references: Sequence[ReferenceImage]
) -> Iterator[dict[str, Any]]:
    """While inside, the U-Net attends to the reference pictures too; yields the pipeline's arguments for them.

    Loading an IP-Adapter replaces the attention processors and the projection of the U-Net, which all pipelines of the
    model share, so the original objects are put back afterwards.
    """
    if not references:
        yield {}
        return
    found = [parts.index.find(reference.part, "ip-adapter") for reference in references]
    weights = [_weights(part, pipeline) for part in found]
    encoder = _encoder(parts, found[0], pipeline)
    unet, own = pipeline.unet, (pipeline.image_encoder, pipeline.feature_extractor)
    processors, projection = dict(unet.attn_processors), unet.encoder_hid_proj
    kind = unet.config.encoder_hid_dim_type
    try:
        pipeline.image_encoder, pipeline.feature_extractor = encoder, None
        nothing = [""] * len(found)
        pipeline.load_ip_adapter(weights, subfolder=nothing, weight_name=nothing, image_encoder_folder=None)
        pipeline.set_ip_adapter_scale([float(reference.weight) for reference in references])
        yield {"ip_adapter_image": [[reference.picture] for reference in references]}
    finally:
        unet.set_attn_processor(processors)
        del unet.encoder_hid_proj  # it is a submodule, and assigning None would leave it one
        unet.encoder_hid_proj, unet.config.encoder_hid_dim_type = projection, kind
        pipeline.image_encoder, pipeline.feature_extractor = own


def _weights(part: Part, pipeline: "DiffusionPipeline") -> "dict[str, dict[str, Tensor]]":
    """A file's tensors in the two groups that diffusers expects; raises InputError where they do not fit."""
    flat = files.tensors(part)
    groups = {
        group: {key.removeprefix(f"{group}."): value for key, value in flat.items() if key.startswith(f"{group}.")}
        for group in ("image_proj", "ip_adapter")
    }
    width = next((value.shape[1] for key, value in groups["ip_adapter"].items() if "to_k_ip" in key), None)
    if width != pipeline.unet.config.cross_attention_dim:
        raise InputError(f"'{part.name}' was made for another kind of model; choose one that fits, or another model")
    if any("lora" in key for key in groups["ip_adapter"]):
        raise InputError(
            f"'{part.name}' is an IP-Adapter for faces (FaceID), which does not work here; use a plain one"
        )
    return groups


def _encoder(parts: AdapterCache, part: Part, pipeline: "DiffusionPipeline") -> Any:
    if not is_file(part.encoder / "config.json"):
        raise ModelError(f"'{part.name}' needs its image encoder; put the folder image_encoder beside the file")
    return parts.transformers(part, "CLIPVisionModelWithProjection", part.encoder, pipeline.dtype)
