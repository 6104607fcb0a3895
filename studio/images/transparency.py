"""Flattens transparent pictures onto a background for a model, and restores their transparency afterwards."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def on_ground(image: "Image", ground: str = "white") -> "Image":
    """The picture flattened onto that colour, RGB."""
    from PIL import Image

    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, ground), layer).convert("RGB")


def mask_levels(mask: "Image") -> "Image":
    """A mask's brightness, 0 to 255 ("L"); transparent parts count as black."""
    return on_ground(mask, "black").convert("L")


def with_alpha(made: "Image", original: "Image") -> "Image":
    """The generated picture with the transparency of the original, which the model saw on white.

    The original is scaled to cover the picture. The white background is removed from half transparent pixels, so that
    no bright fringe shows on another background.
    """
    return _freed(made, original) if original.mode == "RGBA" else made


def _freed(made: "Image", original: "Image") -> "Image":
    import numpy as np
    from PIL import Image, ImageOps

    alpha = ImageOps.fit(
        original.getchannel("A"), made.size, Image.Resampling.BICUBIC
    )  # LANCZOS rings into transparent areas
    share = np.maximum(np.asarray(alpha, np.float32), 1)[..., None] / 255
    seen = np.asarray(made.convert("RGB"), np.float32)
    colours = np.where(share <= 1 / 255, seen, 255 + (seen - 255) / share)
    result = Image.fromarray(colours.clip(0, 255).round().astype(np.uint8))
    result.putalpha(alpha)
    return result
