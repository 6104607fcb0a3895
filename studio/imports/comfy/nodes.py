"""The nodes of ComfyUI's core that are supported, and their settings in the order in which the canvas writes them.

A setting with "!" is a seed: after it the canvas writes what happens to it after each run ("fixed", "randomize" …).
After the nodes' inputs in ComfyUI's ``nodes.py`` and ``comfy_extras``; a test checks that names used elsewhere are
listed here.
"""

from collections.abc import Mapping
from typing import Final

OUTPUTS: Final[Mapping[str, str]] = {
    "SaveImage": "filename_prefix",
    "PreviewImage": "",
    "SaveImageWebsocket": "",
    "SaveAnimatedWEBP": "filename_prefix fps lossless quality method",
    "SaveImageAdvanced": "filename_prefix",
}
MODELS: Final[Mapping[str, str]] = {
    "CheckpointLoaderSimple": "ckpt_name",
    "CheckpointLoader": "config_name ckpt_name",
    "unCLIPCheckpointLoader": "ckpt_name",
    "ImageOnlyCheckpointLoader": "ckpt_name",
    "DiffusersLoader": "model_path",
    "UNETLoader": "unet_name weight_dtype",
    "UnetLoaderGGUF": "unet_name",
}
TEXT_ENCODERS: Final[Mapping[str, str]] = {
    "CLIPLoader": "clip_name type device",
    "DualCLIPLoader": "clip_name1 clip_name2 type device",
    "TripleCLIPLoader": "clip_name1 clip_name2 clip_name3",
    "QuadrupleCLIPLoader": "clip_name1 clip_name2 clip_name3 clip_name4",
}
PARTS: Final[Mapping[str, str]] = {
    "VAELoader": "vae_name",
    "LoraLoader": "lora_name strength_model strength_clip",
    "LoraLoaderModelOnly": "lora_name strength_model",
    "CLIPSetLastLayer": "stop_at_clip_layer",
    "ControlNetLoader": "control_net_name",
    "DiffControlNetLoader": "control_net_name",
    "SetUnionControlNetType": "type",
    "UpscaleModelLoader": "model_name",
}
SHIFTS: Final[Mapping[str, str]] = {
    "ModelSamplingSD3": "shift",
    "ModelSamplingAuraFlow": "shift",
    "ModelSamplingFlux": "max_shift base_shift width height",
}
WORDS: Final[Mapping[str, str]] = {
    "CLIPTextEncode": "text",
    "CLIPTextEncodeSDXL": "width height crop_w crop_h target_width target_height text_g text_l",
    "CLIPTextEncodeSDXLRefiner": "ascore width height text",
    "CLIPTextEncodeFlux": "clip_l t5xxl guidance",
    "CLIPTextEncodeSD3": "clip_l clip_g t5xxl empty_padding",
    "CLIPTextEncodeHiDream": "clip_l clip_g t5xxl llama",
    "CLIPTextEncodeHunyuanDiT": "bert mt5xl",
    "CLIPTextEncodePixArtAlpha": "width height text",
    "CLIPTextEncodeLumina2": "system_prompt user_prompt",
    "TextEncodeQwenImageEdit": "prompt",
    "TextEncodeQwenImageEditPlus": "prompt",
}
CONDITIONINGS: Final[Mapping[str, str]] = {
    "ConditioningCombine": "",
    "ConditioningConcat": "",
    "ConditioningAverage": "conditioning_to_strength",
    "ConditioningSetArea": "width height x y strength",
    "ConditioningSetAreaPercentage": "width height x y strength",
    "ConditioningSetAreaStrength": "strength",
    "ConditioningSetMask": "strength set_cond_area",
    "ConditioningSetTimestepRange": "start end",
    "ConditioningZeroOut": "",
    "ControlNetApply": "strength",
    "ControlNetApplyAdvanced": "strength start_percent end_percent",
    "ControlNetApplySD3": "strength start_percent end_percent",
    "FluxGuidance": "guidance",
    "InpaintModelConditioning": "noise_mask",
    "InstructPixToPixConditioning": "",
    "ReferenceLatent": "",
}
SAMPLERS: Final[Mapping[str, str]] = {
    "KSampler": "seed! steps cfg sampler_name scheduler denoise",
    "KSamplerAdvanced": "add_noise noise_seed! steps cfg sampler_name scheduler start_at_step end_at_step"
    " return_with_leftover_noise",
    "SamplerCustom": "add_noise noise_seed! cfg",
    "SamplerCustomAdvanced": "",
}
SAMPLING: Final[Mapping[str, str]] = {
    "RandomNoise": "noise_seed!",
    "DisableNoise": "",
    "BasicGuider": "",
    "CFGGuider": "cfg",
    "DualCFGGuider": "cfg_conds cfg_cond2_negative style",
    "KSamplerSelect": "sampler_name",
    "SamplerEulerAncestral": "eta s_noise",
    "SamplerDPMPP_2M_SDE": "solver_type eta s_noise noise_device",
    "SamplerDPMPP_SDE": "eta s_noise r noise_device",
    "SamplerLMS": "order",
    "BasicScheduler": "scheduler steps denoise",
    "KarrasScheduler": "steps sigma_max sigma_min rho",
    "ExponentialScheduler": "steps sigma_max sigma_min",
    "BetaSamplingScheduler": "steps alpha beta",
    "SDTurboScheduler": "steps denoise",
    "AlignYourStepsScheduler": "model_type steps denoise",
    "Flux2Scheduler": "steps width height",
}
LATENTS: Final[Mapping[str, str]] = {
    "EmptyLatentImage": "width height batch_size",
    "EmptySD3LatentImage": "width height batch_size",
    "EmptyFlux2LatentImage": "width height batch_size",
    "EmptyHunyuanImageLatent": "width height batch_size",
    "EmptyChromaRadianceLatentImage": "width height batch_size",
    "LatentUpscale": "upscale_method width height crop",
    "LatentUpscaleBy": "upscale_method scale_by",
    "RepeatLatentBatch": "amount",
    "LatentFromBatch": "batch_index length",
    "SetLatentNoiseMask": "",
    "VAEEncode": "",
    "VAEEncodeTiled": "tile_size overlap temporal_size temporal_overlap",
    "VAEEncodeForInpaint": "grow_mask_by",
}
PICTURES: Final[Mapping[str, str]] = {
    "LoadImage": "image",
    "LoadImageMask": "image channel",
    "LoadImageOutput": "image",
    "VAEDecode": "",
    "VAEDecodeTiled": "tile_size overlap temporal_size temporal_overlap",
    "ImageScale": "upscale_method width height crop",
    "ImageScaleBy": "upscale_method scale_by",
    "ImageScaleToTotalPixels": "upscale_method megapixels resolution_steps",
    "ImageUpscaleWithModel": "",
    "ImagePadForOutpaint": "left top right bottom feathering",
    "ImageCompositeMasked": "x y resize_source",
    "ImageInvert": "",
    "InvertMask": "",
    "ImageToMask": "channel",
    "MaskToImage": "",
    "GrowMask": "expand tapered_corners",
    "Canny": "low_threshold high_threshold",
    "FluxKontextImageScale": "",
}
VALUES: Final[Mapping[str, str]] = {
    "PrimitiveInt": "value!",
    "PrimitiveFloat": "value!",
    "PrimitiveString": "value",
    "PrimitiveStringMultiline": "value",
    "PrimitiveBoolean": "value",
    "ComfySwitchNode": "switch",
    "StringConcatenate": "string_a string_b delimiter",
    "StringReplace": "string find replace",
    "StringSubstring": "string start end",
    "StringTrim": "string mode",
    "CaseConverter": "string mode",
    "RegexReplace": "string regex_pattern replace case_insensitive multiline dotall count",
    "CustomCombo": "choice",
    "PreviewAny": "",
    "ResolutionSelector": "aspect_ratio megapixels multiple",
    "CR SD1.5 Aspect Ratio": "width height aspect_ratio swap_dimensions upscale_factor batch_size",
    "CR SDXL Aspect Ratio": "width height aspect_ratio swap_dimensions upscale_factor batch_size",
    "CR Aspect Ratio": "width height aspect_ratio swap_dimensions upscale_factor prescale_factor batch_size",
    "CR Seed": "seed!",
    "CR Text": "text",
    "CR Prompt Text": "prompt",
    "Seed (rgthree)": "seed!",
    "ImpactWildcardProcessor": "wildcard_text populated_text mode seed!",
    "ImpactSwitch": "select sel_mode",
    "Any Switch (rgthree)": "",
}
PICTURE: Final = ("images", "image", "pixels")
"""Names of inputs for pictures."""
CANVAS: Final = ("Reroute", "PrimitiveNode", "GetNode", "SetNode", "Note", "MarkdownNote")
"""Nodes that exist only on the canvas, not on the server."""
GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "Outputs": OUTPUTS,
    "Models": MODELS,
    "Text encoders": TEXT_ENCODERS,
    "Parts of a model": PARTS,
    "Shifts": SHIFTS,
    "Prompts": WORDS,
    "Conditionings": CONDITIONINGS,
    "Samplers": SAMPLERS,
    "Sampling, piece by piece": SAMPLING,
    "Latents": LATENTS,
    "Pictures and masks": PICTURES,
    "Values": VALUES,
}


def settings(kind: str) -> list[str] | None:
    """A node's settings in order, None for an unknown type."""
    found = next((group[kind] for group in GROUPS.values() if kind in group), None)
    return None if found is None else found.split()
