"""Depth maps and poses for ControlNets, by models of transformers."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from studio.diffusion import libraries
from studio.diffusion.loading.adapter_cache import AdapterCache
from studio.errors import ModelError
from studio.models.adapters import Part

if TYPE_CHECKING:
    from torch import Tensor

_MEAN: Final = np.array((0.485, 0.456, 0.406), np.float32)  # of ImageNet, which ViTPose was trained with
_SPREAD: Final = np.array((0.229, 0.224, 0.225), np.float32)
_SURE: Final = 0.3
_NOSE, _LEFT_SHOULDER, _RIGHT_SHOULDER, _NECK = 0, 5, 6, 17  # COCO's keypoints; the neck is OpenPose's alone
_LIMBS: Final = (  # in OpenPose's order, which decides the colour; numbers are COCO's
    *((_NECK, 6), (_NECK, 5), (6, 8), (8, 10), (5, 7), (7, 9), (_NECK, 12), (12, 14), (14, 16)),
    *((_NECK, 11), (11, 13), (13, 15), (_NECK, _NOSE), (_NOSE, 2), (2, 4), (_NOSE, 1), (1, 3)),
)


def depth(parts: AdapterCache, part: Part, picture: Image.Image) -> Image.Image:
    """A depth map of the picture's size, from black for the farthest to white for the nearest."""
    import torch

    model = parts.transformers(part, part.class_name, part.path)
    pixels = _prepared(part, picture).to(model.device, model.dtype)
    with torch.no_grad():
        near = model(pixel_values=pixels).predicted_depth[0].float().cpu().numpy()
    spread = np.ptp(near)
    levels = (near - near.min()) / spread if spread else np.zeros_like(near)
    small = Image.fromarray((levels * 255).round().astype(np.uint8))
    return small.resize(picture.size, Image.Resampling.BICUBIC).convert("RGB")


def pose(parts: AdapterCache, part: Part, picture: Image.Image) -> Image.Image:
    """The skeleton of one person on black, of the picture's size; uncertain joints are left out."""
    import torch

    model = parts.transformers(part, part.class_name, part.path)
    height, width = model.config.backbone_config.image_size
    small = ImageOps.pad(picture, (width, height))
    pixels = torch.from_numpy((np.asarray(small, np.float32) / 255 - _MEAN) / _SPREAD).permute(2, 0, 1)[None]
    experts = getattr(model.config.backbone_config, "num_experts", 1)
    which = {"dataset_index": torch.zeros(1, dtype=torch.long, device=model.device)} if experts > 1 else {}
    with torch.no_grad():
        heat = model(pixel_values=pixels.to(model.device, model.dtype), **which).heatmaps[0].float().cpu().numpy()
    return skeleton(_joints(heat, picture.size), picture.size)


def skeleton(joints: dict[int, tuple[float, float]], size: tuple[int, int]) -> Image.Image:
    """Joints, by COCO's numbers and in pixels, drawn as OpenPose does: a colour for each limb and joint."""
    if _LEFT_SHOULDER in joints and _RIGHT_SHOULDER in joints:
        between = zip(joints[_LEFT_SHOULDER], joints[_RIGHT_SHOULDER], strict=True)
        x, y = (sum(pair) / 2 for pair in between)
        joints = {**joints, _NECK: (x, y)}
    page, thick = Image.new("RGB", size), max(2, round(max(size) / 128))
    pen = ImageDraw.Draw(page)
    for n, (one, other) in enumerate(_LIMBS):
        if one in joints and other in joints:
            pen.line([joints[one], joints[other]], _colour(n, 0.6), thick)
    for n, (x, y) in joints.items():
        pen.ellipse((x - thick, y - thick, x + thick, y + thick), _colour(n, 1))
    return page


def _joints(heat: np.ndarray, size: tuple[int, int]) -> dict[int, tuple[float, float]]:
    """The maximum of each heatmap (joints, height, width), in pixels of the picture before padding."""
    count, height, width = heat.shape
    scale = max(size[0] / width, size[1] / height)
    left, above = (width * scale - size[0]) / 2, (height * scale - size[1]) / 2
    found = {}
    for n in range(min(count, _NECK)):
        row, column = divmod(int(heat[n].argmax()), width)
        if heat[n, row, column] >= _SURE:
            found[n] = ((column + 0.5) * scale - left, (row + 0.5) * scale - above)
    return found


def _colour(n: int, light: float) -> tuple[int, int, int]:
    """The n-th of eighteen hues around the circle."""
    from colorsys import hsv_to_rgb

    red, green, blue = (round(255 * level) for level in hsv_to_rgb(n / 18, 1, light))
    return red, green, blue


def _prepared(part: Part, picture: Image.Image) -> "Tensor":
    """The picture as the model expects it, by its folder's preprocessor_config.json."""
    try:
        processor: Any = libraries.transformers().DPTImageProcessor.from_pretrained(part.path, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"'{part.name}' lacks preprocessor_config.json ({str(error).splitlines()[0]})") from None
    pixels: Tensor = processor(picture, return_tensors="pt").pixel_values
    return pixels
