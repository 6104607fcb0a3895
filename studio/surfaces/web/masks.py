"""The mask editor: a person paints over a picture, and what is painted is made anew."""

from io import BytesIO
from pathlib import Path
from typing import Any, Final

import gradio as gr
from PIL import Image, ImageChops

from studio.surfaces.uploads import keep

_PAINT: Final = "#e0572b"


def editor(label: str) -> gr.ImageEditor:
    """An editor with one brush and an eraser; the picture below comes from the form's picture input."""
    return gr.ImageEditor(
        label=label, type="pil", sources=[], transforms=[], layers=False, buttons=[], height=420,
        brush=gr.Brush(default_size=32, colors=[_PAINT], color_mode="fixed"), eraser=gr.Eraser(default_size=32),
        elem_classes="kind-mask", placeholder="Give a picture first, then paint over what should change",
    )  # fmt: skip


def over(picture: str | None) -> dict[str, Any] | None:
    """What the editor shows for a picture: it, with nothing painted yet."""
    return {"background": picture, "layers": [], "composite": picture} if picture else None


def shown(picture: str | None, mask: str | None) -> dict[str, Any] | None:
    """What the editor shows for a picture with a mask that was painted before."""
    if not picture or not mask:
        return over(picture)
    below, alpha = Image.open(picture).convert("RGBA"), Image.open(mask).convert("L")
    layer = Image.new("RGBA", below.size, _PAINT)
    layer.putalpha(alpha.resize(below.size))
    return {"background": below, "layers": [layer], "composite": Image.alpha_composite(below, layer)}


def file_of(painted: dict[str, Any] | None, output: Path) -> str | None:
    """The mask as a file, white where something was painted; None where nothing was."""
    layers = [layer.getchannel("A") for layer in (painted or {}).get("layers", ()) if layer is not None]
    if not layers:
        return None
    mask = layers[0]
    for other in layers[1:]:
        mask = ImageChops.lighter(mask, other)
    if mask.getbbox() is None:
        return None
    data = BytesIO()
    mask.point(lambda value: 255 if value > 127 else 0).save(data, "PNG")
    return str(keep(data.getvalue(), output))
