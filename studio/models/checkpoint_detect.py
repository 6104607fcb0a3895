"""What a single weight file is, told by the tensors in it and never by its name."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from studio.errors import ModelError
from studio.families import Family, VPredictionMark
from studio.families.base import registry
from studio.families.base.detection import without_prefix
from studio.lora.formats import base_detect, key_suffixes
from studio.lora.formats.file import LoraFile
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
    """A weight file, recognised; ``family`` is as it is for its variant.

    ``prediction`` is what its denoiser was trained to say: "epsilon", "v", "v, zero terminal SNR" or
    "flow". ``precision`` is the dtype of most of it, ``lacks`` the parts it comes without, ``licence``
    what its metadata claims, "unknown" where that says nothing. ``rounded`` says that it is a GGUF file,
    whose weights are rounded for good, ``scaled`` that its weights are fp8 with a scale each. ``in_diffusers`` says
    that the denoiser's tensors have diffusers' names, not their makers'.
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
        """What it is together with the diffusers folder that has what it lacks, which tells variants that look alike.

        Raises ModelError where that holds a model of another kind.
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

    Raises ModelError where it is no safetensors or GGUF file, or no model of a family known here.
    """
    found = verdict(path)
    if isinstance(found, str):
        raise ModelError(found)
    return found


def verdict(path: Path) -> Weights | str:
    """What the file is, or why it is no model; its header is read again only where the file has changed."""
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
        raise ModelError(f"'{path}' is a {header.format[1:]} file by its content; let its name end in {header.format}")
    scaled = quantised.scaled(header)
    _refuse_edm(header)
    family, variant, in_diffusers = _family(header)
    if header.format == ".gguf" and component_configs.reads_whole(family):
        raise ModelError(f"'{path}' is {family.title} as GGUF, which is not supported here; take it as safetensors")
    prediction = _prediction(header, family, variant)
    if family.detection.v_prediction_mark and prediction == "epsilon" and not variant:
        variant = family.detection.v_prediction_mark.otherwise
    lacks = tuple(part for part, begins in PARTS.items() if not any(name.startswith(begins) for name in header.tensors))
    said = header.metadata
    licence = said.get("modelspec.license") or said.get("general.license") or "unknown"
    rounded = header.format == ".gguf"
    return Weights(
        family.of(variant), variant, prediction, header.precision, lacks, licence, rounded, scaled, in_diffusers
    )


def _refuse_edm(header: Header) -> None:
    if mark := next((name for name in _EDM if name in header.tensors), ""):
        raise ModelError(
            f"'{header.path}' was trained with EDM noise, which is not supported, as its tensor '{mark}' shows "
            "(Playground v2.5 and CosXL are such models); take another model of Stable Diffusion XL"
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
    raise ModelError(f"'{header.path}' is {kind}" if kind else f"'{header.path}' is no model of a family known here")


def _kind(header: Header) -> str:
    """What else the file may be, "" where nobody knows."""
    if any(key_suffixes.is_mark(name) for name in header.tensors):
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
    """Whether the file says so, by a tensor of that name or in its metadata; otherwise whether its mark shows it."""
    said = header.metadata.get("modelspec.prediction_type", "").lower()
    if said or "v_pred" in header.tensors:
        return said.startswith("v") or "v_pred" in header.tensors
    if mark is None:
        return False
    name = without_prefix(mark.tensor)
    wanted = {name, *family.detection.state_dict_keys.to_diffusers(name)}
    return any(_spread(header, name) > mark.above for name in header.tensors if without_prefix(name) in wanted)


def _spread(header: Header, name: str) -> float:
    """The standard deviation of a tensor's values; 0 for a precision that cannot be read."""
    values = header.numbers(name)
    return float(values.std()) if values.size else 0.0
