"""What a client of A1111's or Forge's may ask, read as they read it: null is nothing, "256" and 256.0 are 256.

Fields that are unknown here stay in ``model_extra``.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict

Whole = int | None
Number = float | None
Switch = bool | None
Words = str | None


class Asked(BaseModel):
    """A request for pictures from words. What it leaves out has the studio's own default, not A1111's."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, frozen=True)

    prompt: Words = None
    negative_prompt: Words = None
    seed: Whole = None
    steps: Whole = None
    cfg_scale: Number = None
    distilled_cfg_scale: Number = None
    width: Whole = None
    height: Whole = None
    batch_size: Whole = None
    n_iter: Whole = None
    n: Whole = None
    sampler_name: Words = None
    sampler_index: Words = None
    scheduler: Words = None
    clip_skip: Whole = None
    tiling: Switch = None
    denoising_strength: Number = None

    enable_hr: Switch = None
    hr_scale: Number = None
    hr_resize_x: Whole = None
    hr_resize_y: Whole = None
    hr_upscaler: Words = None
    hr_second_pass_steps: Whole = None
    hr_checkpoint_name: Words = None
    hr_sampler_name: Words = None
    hr_scheduler: Words = None
    hr_prompt: Words = None
    hr_negative_prompt: Words = None
    hr_cfg: Number = None
    hr_distilled_cfg: Number = None
    hr_additional_modules: Any = None
    firstphase_width: Whole = None
    firstphase_height: Whole = None

    eta: Number = None
    s_churn: Number = None
    s_tmin: Number = None
    s_tmax: Number = None
    s_noise: Number = None
    s_min_uncond: Number = None
    subseed: Whole = None
    subseed_strength: Number = None
    seed_resize_from_w: Whole = None
    seed_resize_from_h: Whole = None
    restore_faces: Switch = None
    styles: list[str] | None = None
    refiner_checkpoint: Words = None
    refiner_switch_at: Number = None
    script_name: Words = None
    script_args: Any = None
    alwayson_scripts: dict[str, Any] | None = None

    override_settings: dict[str, Any] | None = None
    override_settings_restore_afterwards: Switch = None
    send_images: Switch = None
    save_images: Switch = None
    do_not_save_samples: Switch = None
    do_not_save_grid: Switch = None
    comments: dict[str, Any] | None = None
    disable_extra_networks: Switch = None
    force_task_id: Words = None
    infotext: Words = None

    @property
    def size(self) -> str:
        """Width and height as "512x768", of which A1111 takes 512 where one is left out; "" where both are."""
        if self.width is None and self.height is None:
            return ""
        return f"{self.width or 512}x{self.height or 512}"


class AskedOfPicture(Asked):
    """A request for pictures from a picture, or from a part of it where there is a mask."""

    init_images: list[str] | None = None
    mask: Words = None
    mask_blur: Number = None
    mask_blur_x: Number = None
    mask_blur_y: Number = None
    mask_round: Switch = None
    inpainting_fill: Whole = None
    inpaint_full_res: Switch = None
    inpaint_full_res_padding: Whole = None
    inpainting_mask_invert: Whole = None
    initial_noise_multiplier: Number = None
    image_cfg_scale: Number = None
    latent_mask: Words = None
    resize_mode: Whole = None
    include_init_images: Switch = None

    @property
    def only_masked(self) -> bool:
        """Whether the model shall see but the mask and its padding, which A1111 does where nothing else is said."""
        said = self.inpaint_full_res
        return self.inpaint_full_res_padding is not None if said is None else said


class Carrier(BaseModel):
    """A picture to read the settings of."""

    model_config = ConfigDict(extra="allow")
    image: str
