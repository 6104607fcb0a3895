"""Why settings of A1111 and its kin find no place here."""

from typing import Final

_REASONS: Final = (  # how a key begins, and why; the first that fits
    ("Variation seed", "the noise of two seeds is not blended here"),
    ("Seed resize", "noise is not stretched from another size here"),
    ("ENSD", "seeds are not shifted for the sampler's own noise here"),
    ("Eta", "samplers keep their own share of noise here"),
    ("Sigma", "samplers keep their own share of noise here"),
    ("Noise multiplier", "a start picture gets as much noise as the strength says"),
    ("Schedule", "the sampler's name says the whole schedule here"),
    ("Emphasis", "brackets weigh words without restoring the mean here, as A1111's 'No norm' does"),
    ("Image CFG", "models that are told what to change have 'likeness' for it, in another workflow"),
    ("Hires upscaler", "the second pass begins with the picture enlarged as it is, without a model for that"),
    ("Hires upscale", "a second pass cannot be so much larger here; its own default is used"),
    ("Hires resize", "a second pass has the shape of the first, and cannot be so much larger here"),
    ("Hires prompt", "both passes have one prompt here"),
    ("Hires negative prompt", "both passes have one prompt here"),
    ("Hires checkpoint", "both passes have one model here"),
    ("Hires", "both passes have the same settings here"),
    ("First pass", "both passes have the same settings here"),
    ("Refiner", "a second model that finishes the picture is another workflow's; this one has none"),
    ("ControlNet", "the picture it followed is not in the file; the workflow 'controlnet' takes one"),
    ("ADetailer", "faces are not found and drawn again here; 'inpaint' does it by hand"),
    ("Face restoration", "faces are not mended by another model here"),
    ("Mask", "it belongs to the mask, which is not in the file"),
    ("Inpaint", "it belongs to the mask, which is not in the file"),
    ("Conditional mask", "it belongs to the mask, which is not in the file"),
    ("Init image", "the picture it began with is not in the file; choose it again"),
    ("Postprocess", "what was done to the finished picture is not repeated; 'upscale' enlarges"),
    ("Token merging", "it only makes drawing faster, at a loss"),
    ("FP8", "how weights are kept is decided by the memory there is"),
    ("Cache FP16", "how weights are kept is decided by the memory there is"),
    ("Diffusion in", "how weights are kept is decided by the memory there is"),
    ("Tiled", "large pictures are made in tiles by themselves where memory is short"),
    ("Tiling", "this workflow makes no seamless tiles; 'seamless-pattern' does"),
    ("VAE", "the model's own is used"),
    ("Model hash", "it is no hash"),
    ("Module", "text encoders come with the model here"),
    ("Template", "it is what the prompt was drawn from, and the prompt is here"),
    ("Wildcard", "it is what the prompt was drawn from, and the prompt is here"),
    ("Version", "it names the program that wrote this"),
    ("App", "it names the program that wrote this"),
    ("User", "it names who made the picture, not how"),
    ("Backend", "it is how the other program runs"),
    ("Pipeline", "it is how the other program runs"),
    ("Operations", "it is how the other program runs"),
    ("Parser", "it is how the other program runs"),
    ("Time taken", "it is how long it took"),
)


def reason(key: str) -> str:
    """Why a setting that is called so is left out, in a few words."""
    return next((why for begin, why in _REASONS if key.startswith(begin)), "there is no such setting here")
