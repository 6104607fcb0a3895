"""The requests of A1111's and Forge's API, read as they read them: null means missing, "256" and 256.0 mean 256.

Unknown fields are in ``model_extra``.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict

OptionalInt = int | None
OptionalFloat = float | None
OptionalBool = bool | None
OptionalStr = str | None


class Txt2ImgRequest(BaseModel):
    """The body of txt2img. Missing fields have the studio's defaults, not A1111's."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, frozen=True)

    prompt: OptionalStr = None
    negative_prompt: OptionalStr = None
    seed: OptionalInt = None
    steps: OptionalInt = None
    cfg_scale: OptionalFloat = None
    distilled_cfg_scale: OptionalFloat = None
    width: OptionalInt = None
    height: OptionalInt = None
    batch_size: OptionalInt = None
    n_iter: OptionalInt = None
    n: OptionalInt = None
    sampler_name: OptionalStr = None
    sampler_index: OptionalStr = None
    scheduler: OptionalStr = None
    clip_skip: OptionalInt = None
    tiling: OptionalBool = None
    denoising_strength: OptionalFloat = None

    enable_hr: OptionalBool = None
    hr_scale: OptionalFloat = None
    hr_resize_x: OptionalInt = None
    hr_resize_y: OptionalInt = None
    hr_upscaler: OptionalStr = None
    hr_second_pass_steps: OptionalInt = None
    hr_checkpoint_name: OptionalStr = None
    hr_sampler_name: OptionalStr = None
    hr_scheduler: OptionalStr = None
    hr_prompt: OptionalStr = None
    hr_negative_prompt: OptionalStr = None
    hr_cfg: OptionalFloat = None
    hr_distilled_cfg: OptionalFloat = None
    hr_additional_modules: Any = None
    firstphase_width: OptionalInt = None
    firstphase_height: OptionalInt = None

    eta: OptionalFloat = None
    s_churn: OptionalFloat = None
    s_tmin: OptionalFloat = None
    s_tmax: OptionalFloat = None
    s_noise: OptionalFloat = None
    s_min_uncond: OptionalFloat = None
    subseed: OptionalInt = None
    subseed_strength: OptionalFloat = None
    seed_resize_from_w: OptionalInt = None
    seed_resize_from_h: OptionalInt = None
    restore_faces: OptionalBool = None
    styles: list[str] | None = None
    refiner_checkpoint: OptionalStr = None
    refiner_switch_at: OptionalFloat = None
    script_name: OptionalStr = None
    script_args: Any = None
    alwayson_scripts: dict[str, Any] | None = None

    override_settings: dict[str, Any] | None = None
    override_settings_restore_afterwards: OptionalBool = None
    send_images: OptionalBool = None
    save_images: OptionalBool = None
    do_not_save_samples: OptionalBool = None
    do_not_save_grid: OptionalBool = None
    comments: dict[str, Any] | None = None
    disable_extra_networks: OptionalBool = None
    force_task_id: OptionalStr = None
    infotext: OptionalStr = None

    @property
    def size(self) -> str:
        """Width and height as "512x768"; A1111's default for one of them is 512. "" if both are missing."""
        if self.width is None and self.height is None:
            return ""
        return f"{self.width or 512}x{self.height or 512}"


class Img2ImgRequest(Txt2ImgRequest):
    """The body of img2img, and of inpainting if it has a mask."""

    init_images: list[str] | None = None
    mask: OptionalStr = None
    mask_blur: OptionalFloat = None
    mask_blur_x: OptionalFloat = None
    mask_blur_y: OptionalFloat = None
    mask_round: OptionalBool = None
    inpainting_fill: OptionalInt = None
    inpaint_full_res: OptionalBool = None
    inpaint_full_res_padding: OptionalInt = None
    inpainting_mask_invert: OptionalInt = None
    initial_noise_multiplier: OptionalFloat = None
    image_cfg_scale: OptionalFloat = None
    latent_mask: OptionalStr = None
    resize_mode: OptionalInt = None
    include_init_images: OptionalBool = None

    @property
    def only_masked(self) -> bool:
        """Whether the model sees only the masked area and its padding: by default if a padding is given."""
        if self.inpaint_full_res is None:
            return self.inpaint_full_res_padding is not None
        return self.inpaint_full_res


class PngInfoRequest(BaseModel):
    """The body of png-info: a picture with settings."""

    model_config = ConfigDict(extra="allow")
    image: str
