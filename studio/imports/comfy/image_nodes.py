"""The source of a picture, mask or latents, and how nodes change it on the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

from studio.imports.comfy.graph import Node
from studio.imports.comfy.graph_traversal import GraphReader
from studio.imports.comfy.model import file
from studio.imports.comfy.nodes import LATENTS, PICTURES, SAMPLERS

Pair = tuple[int, int]
_FILES: Final = ("LoadImage", "LoadImageMask", "LoadImageOutput")
_ONWARD: Final = ("image", "images", "pixels", "image1", "input", "samples", "latent_image", "latent", "mask")
_KNOWN: Final = (*PICTURES, *LATENTS, *SAMPLERS, "InpaintModelConditioning", "InstructPixToPixConditioning")
_NEXT: Final = {
    "VAEDecode": "samples",
    "VAEDecodeTiled": "samples",
    "VAEEncode": "pixels",
    "VAEEncodeTiled": "pixels",
    "VAEEncodeForInpaint": "pixels",
    "InpaintModelConditioning": "pixels",
    "InstructPixToPixConditioning": "pixels",
    "ImageCompositeMasked": "source",
    "InvertMask": "mask",
    "MaskToImage": "mask",
    "GrowMask": "mask",
}
"""The input with the picture or latents; "image" or "samples" for other nodes."""
_MEGAPIXEL: Final = 1024 * 1024


@dataclass(frozen=True)
class ImageSource:
    """A picture or latents: from a ``file``, from an earlier pass ``drawn`` by a sampler, or empty ones with a
    ``size``.

    The fields describe it after all changes: ``size`` if it is known, else ``factor`` times larger; ``unsized`` means
    that neither is known, because of unsupported nodes or a side that depends on the other. ``pad`` is added left,
    above, right, below. ``lines`` is the value for the step "lines". A mask is for the next pass. ``empty`` is the type
    of the node that made empty latents.
    """

    file: str = ""
    drawn: Node | None = None
    size: Pair | None = None
    factor: float = 1.0
    area: int = 0
    count: int = 1
    pad: tuple[int, int, int, int] | None = None
    lines: str = "as it is"
    upscaler: str = ""
    decoder: Node | None = None
    mask: "ImageSource | None" = None
    empty: str = ""
    unsized: bool = False

    @property
    def scaled(self) -> bool:
        return bool(self.size or self.area or self.factor != 1 or self.unsized)


def pixels(reader: GraphReader, node: Node, name: str) -> ImageSource:
    """The source of an input; the last change is found first."""
    made, found = ImageSource(), reader.source(node, name, _KNOWN, _ONWARD)
    while found and not _is_source(found):
        made = _CHANGES[found.type](reader, found, made) if found.type in _CHANGES else made
        found = reader.source(found, _NEXT.get(found.type, _onward(found)), _KNOWN, _ONWARD)
    if found is None:
        return made
    if found.type in SAMPLERS:
        return replace(made, drawn=found)
    if found.type in _FILES:
        _note_mask(reader, node, name, found)
        return replace(made, file=file(reader, found, ["image"]))
    return _empty(reader, found, made)


def _is_source(node: Node) -> bool:
    return node.type in SAMPLERS or node.type in _FILES or node.type.startswith("Empty")


def _onward(node: Node) -> str:
    return "image" if node.link("image") else "samples"


def _note_mask(reader: GraphReader, node: Node, name: str, found: Node) -> None:
    link = node.link(name)
    if found.type == "LoadImage" and link and link.node == found.id and link.slot == 1:
        why = "it is the transparency there; choose a separate picture, white where it is repainted"
        reader.skip(f"mask of {found}", file(reader, found, ["image"]), why)


def _empty(reader: GraphReader, node: Node, made: ImageSource) -> ImageSource:
    width, height = reader.whole(node, "width"), reader.whole(node, "height")
    count = made.count * max(1, reader.whole(node, "batch_size", 1) or 1)
    if width is None or height is None:
        reader.skip(f"size of {node}", "", "other nodes compute it; the model's own is used")
        return replace(made, count=count, empty=node.type)
    return replace(made, size=(width, height), count=count, empty=node.type)


def _times(reader: GraphReader, node: Node, after: ImageSource) -> ImageSource:
    reader.skip(f"upscale_method of {node}", reader.value(node, "upscale_method"), _methods(node))
    factor = reader.number(node, "scale_by", 1.0)
    return replace(after, factor=after.factor * (factor or 1.0), unsized=after.unsized or not factor)


def _to_area(reader: GraphReader, node: Node, after: ImageSource) -> ImageSource:
    megapixels = reader.number(node, "megapixels", 1.0)
    if after.scaled:
        return after
    return replace(after, area=round((megapixels or 1.0) * _MEGAPIXEL), unsized=not megapixels)


def _repeated(reader: GraphReader, node: Node, after: ImageSource) -> ImageSource:
    return replace(after, count=after.count * max(1, reader.whole(node, "amount", 1) or 1))


def _masked(reader: GraphReader, node: Node, after: ImageSource) -> ImageSource:
    if grown := reader.whole(node, "grow_mask_by"):
        reader.skip(f"grow_mask_by of {node}", grown, "the mask is used as it is")
    return replace(after, mask=pixels(reader, node, "mask"))


def _padded(reader: GraphReader, node: Node, after: ImageSource) -> ImageSource:
    left, above, right, below = (
        max(0, reader.whole(node, side, 0) or 0) for side in ("left", "top", "right", "bottom")
    )
    reader.skip(f"feathering of {node}", reader.value(node, "feathering"), "edges are blended differently here")
    return replace(after, pad=(left, above, right, below))


def _edges(reader: GraphReader, node: Node, after: ImageSource) -> ImageSource:
    for name in ("low_threshold", "high_threshold"):
        reader.skip(f"{name} of {node}", reader.value(node, name), "the thresholds depend on the picture here")
    return replace(after, lines="edges")


def _inverted(reader: GraphReader, node: Node, after: ImageSource) -> ImageSource:  # noqa: ARG001 same signature
    return replace(after, lines="drawing")


def _undone(reader: GraphReader, node: Node, after: ImageSource) -> ImageSource:
    reader.skip(node, "", "it is not supported; choose a picture or mask that needs no such change")
    return after


def _decoded(reader: GraphReader, node: Node, after: ImageSource) -> ImageSource:  # noqa: ARG001 same signature
    return replace(after, decoder=after.decoder or node)


def _scaled(reader: GraphReader, node: Node, after: ImageSource) -> ImageSource:
    reader.skip(f"upscale_method of {node}", reader.value(node, "upscale_method"), _methods(node))
    width, height = reader.whole(node, "width", 0) or 0, reader.whole(node, "height", 0) or 0
    if after.scaled and after.factor == 1:
        return after
    if reader.unknown(node, "width", "height"):
        return replace(after, unsized=True)
    if not (width and height):
        reader.skip(f"size of {node}", f"{width}x{height}", "a side of 0 depends on the other; set the size")
        return replace(after, unsized=True)
    return replace(after, size=(round(width * after.factor), round(height * after.factor)), factor=1.0)


def _methods(node: Node) -> str:
    if node.type.startswith("Latent"):
        return "the picture is enlarged with Lanczos here, not its latents"
    return "pictures are enlarged with Lanczos here"


def _enlarged(reader: GraphReader, node: Node, after: ImageSource) -> ImageSource:
    loader = reader.source(node, "upscale_model", ("UpscaleModelLoader",), ())
    name = file(reader, loader, ["model_name"]) if loader else str(node)
    times = next((n for n in (8, 4, 3, 2) if f"{n}x" in name.lower() or f"x{n}" in name.lower()), 4)
    return replace(after, upscaler=name, factor=after.factor * times)


_CHANGES: Final[Mapping[str, Callable[[GraphReader, Node, ImageSource], ImageSource]]] = {
    "LatentUpscale": _scaled,
    "ImageScale": _scaled,
    "LatentUpscaleBy": _times,
    "ImageScaleBy": _times,
    "ImageScaleToTotalPixels": _to_area,
    "FluxKontextImageScale": _to_area,
    "ImageUpscaleWithModel": _enlarged,
    "RepeatLatentBatch": _repeated,
    "SetLatentNoiseMask": _masked,
    "VAEEncodeForInpaint": _masked,
    "InpaintModelConditioning": _masked,
    "ImagePadForOutpaint": _padded,
    "Canny": _edges,
    "ImageInvert": _inverted,
    "InvertMask": _undone,
    "GrowMask": _undone,
    "LatentFromBatch": _undone,
    "VAEDecode": _decoded,
    "VAEDecodeTiled": _decoded,
}


def within(area: int, shape: Pair) -> Pair:
    """The size with this aspect ratio and about this number of pixels, in steps of 8."""
    scale = sqrt(area / (shape[0] * shape[1]))
    return round(shape[0] * scale / 8) * 8, round(shape[1] * scale / 8) * 8
