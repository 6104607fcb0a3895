"""The fields of A1111's and Forge's requests, by the keys that the same settings have in their texts.

A request and the text in a picture hold the same settings under two sets of names, and both are read with the same
rules: ``second_pass`` gives the size of a larger second pass, ``unsupported_fields`` the fields that the studio cannot
follow, with the reasons in ``unsupported``. Fields after A1111's ``modules/api/models.py`` and
``modules/processing.py``, settings after its ``modules/shared_options.py``, and the same files of Forge.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from studio.imports.unsupported import reason
from studio.pictures import a1111_keys as keys

_NUMBER: Final = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?")
_EMPTY: Final[tuple[Any, ...]] = (None, "", "None", 0, [], {}, [""])


class UnsupportedField(NamedTuple):
    """A field that changes the picture and that the studio cannot follow.

    ``key`` is its key in a text; ``neutral`` are further values, besides empty ones, that have no effect.
    """

    key: str
    neutral: tuple[Any, ...] = ()


FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "guidance": "cfg_scale",
        "strength": "denoising_strength",
        "count": "batch_size",
        "size": "width",
        "sampler": "sampler_name",
        "image": "init_images",
        "factor": "hr_scale",
        "joins": "tiling",
        "padding": "inpaint_full_res_padding",
        "drawn_at": "width",
        "model": "override_settings.sd_model_checkpoint",
    }
)
"""Request fields of our inputs, for those with another name there."""

NO_EFFECT: Final = (
    "comments", "force_task_id", "infotext", "image_cfg_scale", "mask_round",
    "save_images", "do_not_save_samples", "do_not_save_grid",
)  # fmt: skip
"""Fields that change no picture here; all pictures are saved."""

REQUEST: Final[Mapping[str, UnsupportedField]] = MappingProxyType(
    {
        "subseed_strength": UnsupportedField("Variation seed strength"),
        "seed_resize_from_w": UnsupportedField("Seed resize from", (-1,)),
        "seed_resize_from_h": UnsupportedField("Seed resize from", (-1,)),
        "restore_faces": UnsupportedField("Face restoration"),
        "styles": UnsupportedField("Style"),
        "refiner_checkpoint": UnsupportedField("Refiner"),
        "s_churn": UnsupportedField("Sigma churn"),
        "s_noise": UnsupportedField("Sigma noise", (1,)),
        "s_min_uncond": UnsupportedField("NGMS"),
        "initial_noise_multiplier": UnsupportedField("Noise multiplier", (1,)),
        "latent_mask": UnsupportedField("Latent mask"),
        "script_name": UnsupportedField("Script"),
        "disable_extra_networks": UnsupportedField("Extra networks"),
    }
)
"""Unsupported fields of a request."""

HIRES: Final[Mapping[str, UnsupportedField]] = MappingProxyType(
    {
        "hr_upscaler": UnsupportedField(keys.HIRES_UPSCALER, ("Latent", "Lanczos", "Automatic")),
        "hr_second_pass_steps": UnsupportedField(keys.HIRES_STEPS),
        "hr_checkpoint_name": UnsupportedField("Hires checkpoint", ("Use same checkpoint",)),
        "hr_sampler_name": UnsupportedField(keys.HIRES_SAMPLER, ("Use same sampler",)),
        "hr_scheduler": UnsupportedField("Hires schedule type", ("Use same scheduler",)),
        "hr_prompt": UnsupportedField("Hires prompt"),
        "hr_negative_prompt": UnsupportedField("Hires negative prompt"),
        "hr_cfg": UnsupportedField(keys.HIRES_CFG_SCALE),
        "hr_additional_modules": UnsupportedField("Hires module", (["Use same choices"], "Use same choices")),
    }
)
"""Unsupported fields for the second pass; all but the upscaler may also repeat the value of the first pass."""

SETTINGS: Final[Mapping[str, UnsupportedField]] = MappingProxyType(
    {
        "eta_noise_seed_delta": UnsupportedField("ENSD"),
        "eta_ancestral": UnsupportedField(keys.ETA, (1,)),
        "eta_ddim": UnsupportedField(keys.ETA_DDIM),
        "s_churn": UnsupportedField("Sigma churn"),
        "s_noise": UnsupportedField("Sigma noise", (1,)),
        "s_min_uncond": UnsupportedField("NGMS"),
        "sigma_min": UnsupportedField("Schedule min sigma"),
        "sigma_max": UnsupportedField("Schedule max sigma"),
        "rho": UnsupportedField("Schedule rho"),
        "k_sched_type": UnsupportedField(keys.SCHEDULE_TYPE, ("Automatic", "default")),
        "sd_noise_schedule": UnsupportedField("Noise Schedule", ("Default",)),
        "skip_early_cond": UnsupportedField("Skip Early CFG"),
        "always_discard_next_to_last_sigma": UnsupportedField("Discard penultimate sigma"),
        "randn_source": UnsupportedField(keys.RNG, ("CPU", "GPU")),
        "emphasis": UnsupportedField("Emphasis", ("No norm", "Original")),
        "initial_noise_multiplier": UnsupportedField("Noise multiplier", (1,)),
        "img2img_extra_noise": UnsupportedField("Extra noise"),
        "img2img_color_correction": UnsupportedField("Color correction"),
        "img2img_background_color": UnsupportedField("Background color", ("#ffffff", "#FFFFFF", "white")),
        "tiling": UnsupportedField(keys.TILING),
        "sd_hypernetwork": UnsupportedField("Hypernet"),
        "use_old_emphasis_implementation": UnsupportedField("Old prompt editing timelines"),
        "use_old_scheduling": UnsupportedField("Old prompt editing timelines"),
        "use_old_hires_fix_width_height": UnsupportedField("Hires size as before"),
    }
)
"""Unsupported settings of the whole program, which a request may override."""


def unsupported_fields(
    request: Mapping[str, Any], table: Mapping[str, UnsupportedField], same: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[tuple[str, str]]:
    """The fields of ``table`` that the request uses and the studio does not support, with the reason.

    ``same`` gives further values without effect by field: those of the first pass.
    """
    for name, (key, neutral) in table.items():
        if request.get(name) not in (*_EMPTY, *neutral, same.get(name)):
            yield name, reason(key)


def second_pass(settings: Mapping[str, Any]) -> tuple[str, float]:
    """How many times larger the second pass is, and the key that says so; ("", 0) if there is no second pass.

    ``settings`` are by the keys of a text: "Hires upscale", "Hires resize", "First pass size" and "Size".
    """
    upscale = number(settings.get(keys.HIRES_UPSCALE, ""))
    if isinstance(upscale, int | float) and upscale > 0:
        return keys.HIRES_UPSCALE, upscale
    for key, small, large in (
        (keys.HIRES_RESIZE, keys.SIZE, keys.HIRES_RESIZE),
        (keys.FIRST_PASS_SIZE, keys.FIRST_PASS_SIZE, keys.SIZE),
    ):
        if factor := _larger(settings.get(small, ""), settings.get(large, "")):
            return key, factor
    return "", 0


def number(text: str) -> Any:
    """The number in a text; any other text unchanged, for the form to refuse."""
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def _larger(small: str, large: str) -> float:
    """How many times larger one size is than another; 0 if the aspect ratio differs, or one is not a size."""
    one, other = (re.fullmatch(r"(\d{1,6})x(\d{1,6})", size) for size in (small, large))
    if not one or not other or "0" in (one[1], one[2]):
        return 0
    across, down = (int(other[side]) / int(one[side]) for side in (1, 2))
    factor = across or down  # A1111 keeps the aspect ratio if one is 0
    return round(factor, 4) if abs((down or factor) - factor) < 0.02 else 0
