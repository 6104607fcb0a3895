"""Recognises a single weight file by its tensors, never by its name."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from studio.errors import ModelError
from studio.families import Family, VPredictionMark
from studio.families.base import registry
from studio.families.base.detection import without_prefix
from studio.lora.formats import base_detect
from studio.lora.formats.file import LoraFile
from studio.lora.formats.lora_keys import is_lora_key
from studio.model_files.hashes import Stamp
from studio.model_files.header import Header
from studio.models import component_configs, folder, quantised
from studio.models.checkpoint import PARTS

_EDM: Final = ("edm_mean", "edm_std", "edm_vpred.sigma_max", "edm_vpred.sigma_min")
_NO_MODEL: Final = (
    ("a ControlNet", ("control_model.", "controlnet_")),
    ("a textual inversion", ("emb_params", "string_to_param", "clip_l", "clip_g")),
    ("a VAE alone", ("encoder.down", "decoder.up")),
    ("a text encoder alone", ("text_model.encoder", "encoder.block.")),
)


@dataclass(frozen=True)
class Weights:
    """A recognised weight file; ``family`` is that of its variant.

    ``prediction`` is what its denoiser was trained to predict: "epsilon", "v", "v, zero terminal SNR" or "flow".
    ``precision`` is the dtype of most of it, ``lacks`` are the components that it does not have, ``licence`` is what
    its metadata claims, "unknown" without a claim. ``rounded`` is for GGUF files, whose weights stay quantised,
    ``scaled`` for fp8 weights with a scale each. ``in_diffusers`` is whether the denoiser's tensors have diffusers'
    names, not the original ones.
    """

    family: Family
    variant: str
    prediction: str
    precision: str
    lacks: tuple[str, ...]
    licence: str
    rounded: bool = False
    scaled: bool = False
    in_diffusers: bool = False

    def whole(self, path: Path, base: Path) -> "Weights":
        """The same with the variant from the diffusers folder that has the missing components, if the file's is
        unclear.

        Raises ModelError where that folder holds a model of another family or variant.
        """
        family, variant = folder.family(base, folder.read(base))
        alike = {"", *family.detection.same_tensors}
        if family.name != self.family.name or (variant != self.variant and not {variant, self.variant} <= alike):
            raise ModelError(
                f"'{path}' is {self.family.title}, but its base '{base}' is {family.title}; "
                f"give a diffusers folder of {self.family.title}{component_configs.such_as(self.family)}, with --base"
            )
        if self.variant or family.detection.v_prediction_mark:
            return self
        return replace(self, family=family, variant=variant)


def recognised(path: Path) -> Weights:
    """What the file is.

    Raises ModelError where it is not a safetensors or GGUF file, or not a model of a known family.
    """
    found = verdict(path)
    if isinstance(found, str):
        raise ModelError(found)
    return found


def verdict(path: Path) -> Weights | str:
    """What the file is, or why it is not a model; its header is read again only if the file has changed."""
    try:
        return _verdict(path, Stamp.settled(path))
    except OSError as error:
        return f"'{path}' cannot be read: {error.strerror or error}"


@lru_cache(maxsize=1024)
def _verdict(path: Path, _stamp: Stamp) -> Weights | str:
    try:
        return _recognised(path)
    except ModelError as error:
        return str(error)


def _recognised(path: Path) -> Weights:
    header = Header.read(path)
    if path.suffix != header.format:
        raise ModelError(f"'{path}' is a {header.format[1:]} file by its content; rename it to end in {header.format}")
    scaled = quantised.scaled(header)
    _refuse_edm(header)
    family, variant, in_diffusers = _family(header)
    if header.format == ".gguf" and component_configs.reads_whole(family):
        raise ModelError(f"'{path}' is {family.title} as GGUF, which is not supported; get it as safetensors")
    prediction = _prediction(header, family, variant)
    if family.detection.v_prediction_mark and prediction == "epsilon" and not variant:
        variant = family.detection.v_prediction_mark.otherwise
    lacks = tuple(part for part, begins in PARTS.items() if not any(name.startswith(begins) for name in header.tensors))
    metadata = header.metadata
    licence = metadata.get("modelspec.license") or metadata.get("general.license") or "unknown"
    rounded = header.format == ".gguf"
    return Weights(
        family.of(variant), variant, prediction, header.precision, lacks, licence, rounded, scaled, in_diffusers
    )


def _refuse_edm(header: Header) -> None:
    if mark := next((name for name in _EDM if name in header.tensors), ""):
        raise ModelError(
            f"'{header.path}' was trained with EDM noise, which is not supported, as its tensor '{mark}' shows "
            "(Playground v2.5 and CosXL are such models); use another model of Stable Diffusion XL"
        )


def _family(header: Header) -> tuple[Family, str, bool]:
    """The family, the variant, and whether the denoiser has diffusers' names."""
    shapes = header.shapes
    families = registry.installed().values()
    for in_diffusers in (False, True):
        for family in families:
            if (variant := family.recognise(shapes, in_diffusers=in_diffusers)) is not None:
                return family, variant, in_diffusers
    kind = _kind(header)
    raise ModelError(f"'{header.path}' is {kind}" if kind else f"'{header.path}' is not a model of a known family")


def _kind(header: Header) -> str:
    """What else the file may be, "" where that is unknown."""
    if any(is_lora_key(name) for name in header.tensors):
        return f"a LoRA{_made_for(header.path)}, not a model"
    for kind, marks in _NO_MODEL:
        if any(mark in name for name in header.tensors for mark in marks):
            return f"{kind}, not a model"
    return ""


def _made_for(path: Path) -> str:
    """The families whose models a LoRA looks like."""
    try:
        titles = [family.title for family in base_detect.families(LoraFile.read(path))]
    except ModelError:
        titles = []
    return f" for {' or '.join(titles)}" if titles else ""


def _prediction(header: Header, family: Family, variant: str) -> str:
    if family.capabilities.noise == "flow":
        return "flow"
    if not _predicts_v(header, family, None if variant else family.detection.v_prediction_mark):
        return "epsilon"
    return "v, zero terminal SNR" if "ztsnr" in header.tensors else "v"


def _predicts_v(header: Header, family: Family, mark: VPredictionMark | None) -> bool:
    """Whether a tensor of that name or the metadata says so; otherwise whether the family's mark shows it."""
    declared = header.metadata.get("modelspec.prediction_type", "").lower()
    if declared or "v_pred" in header.tensors:
        return declared.startswith("v") or "v_pred" in header.tensors
    if mark is None:
        return False
    name = without_prefix(mark.tensor)
    wanted = {name, *family.detection.state_dict_keys.to_diffusers(name)}
    return any(_spread(header, name) > mark.above for name in header.tensors if without_prefix(name) in wanted)


def _spread(header: Header, name: str) -> float:
    """The standard deviation of a tensor's values; 0 for a dtype that cannot be read."""
    values = header.numbers(name)
    return float(values.std()) if values.size else 0.0
