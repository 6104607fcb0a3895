"""A sampler's model: its file, its LoRAs, and its text encoders."""

from dataclasses import dataclass, replace
from typing import Final

from studio.errors import InputError
from studio.imports.comfy.graph import Node
from studio.imports.comfy.graph_traversal import GraphReader
from studio.imports.comfy.nodes import MODELS, SHIFTS, TEXT_ENCODERS
from studio.prompts.lora import Lora

_LORAS: Final = ("LoraLoader", "LoraLoaderModelOnly")
_NO_CHECKPOINT: Final = ("UNETLoader", "UnetLoaderGGUF")
_COMES_ALONG: Final = "is part of the model here"


@dataclass(frozen=True)
class LoadedModel:
    """A model's file name there, "" if it is unknown. ``alone`` means that the file has only the denoiser."""

    name: str = ""
    loras: tuple[Lora, ...] = ()
    alone: bool = False
    shifted: bool = False

    @property
    def distilled(self) -> bool:
        """Whether it looks like FLUX, whose guidance is distilled, so a graph need not set it."""
        return "flux" in self.name.lower()


def model(reader: GraphReader, node: Node) -> LoadedModel:
    """The model that comes into a node."""
    loras, shifted, found = list[Lora](), False, _next(reader, node)
    while found and found.type not in MODELS:
        if found.type in _LORAS:
            loras += _lora(reader, found)
        else:
            shifted = True
            for name in SHIFTS[found.type].split():
                reader.skip(f"{name} of {found}", reader.value(found, name), "the model's own is used")
        found = _next(reader, found)
    name = file(reader, found, MODELS[found.type].split()) if found else ""
    if not name:
        reader.skip("model", "", "it is unknown; choose one")
    alone = bool(found and found.type in _NO_CHECKPOINT)
    if alone:  # its LoRAs only affect the denoiser anyway
        loras = [replace(lora, text=lora.text or None) for lora in loras]
    return LoadedModel(name, tuple(reversed(loras)), alone, shifted)


def _next(reader: GraphReader, node: Node) -> Node | None:
    return reader.source(node, "model", (*MODELS, *SHIFTS, *_LORAS), ("model", "model1", "base_model"))


def file(reader: GraphReader, node: Node, names: list[str]) -> str:
    """The name of the file that a node loads; folders are separated by "/"."""
    name = next((one for one in names if one.endswith(("name", "path", "image")) and one != "config_name"), "")
    return reader.text(node, name).replace("\\", "/").strip()[:500]


def _lora(reader: GraphReader, node: Node) -> list[Lora]:
    name = file(reader, node, ["lora_name"])
    weight = reader.number(node, "strength_model", 1.0)
    text = reader.number(node, "strength_clip", weight) if node.type == "LoraLoader" else 0.0
    if weight is None or text is None:
        reader.skip(node, name, "its weight is unknown; choose it, and set its weight")
        return []
    try:
        lora = Lora(name, weight, None if text == weight else text)
        return [lora] if Lora.parse(str(lora)) == lora else []
    except InputError as error:
        reader.skip(node, name, str(error))
        return []


def clip_skip(reader: GraphReader, node: Node) -> int | None:
    """The layer that encodes a node's prompt, 1 for the last; None if the graph does not say."""
    known, skip = (*MODELS, *TEXT_ENCODERS, *_LORAS, "CLIPSetLastLayer"), None
    found = reader.source(node, "clip", known, ("clip",))
    while found and found.type not in (*MODELS, *TEXT_ENCODERS):
        if found.type == "CLIPSetLastLayer" and skip is None and (layer := reader.whole(found, "stop_at_clip_layer")):
            skip = -layer
        found = reader.source(found, "clip", known, ("clip",))
    if found and found.type in TEXT_ENCODERS:
        for name in TEXT_ENCODERS[found.type].split():
            if name.startswith("clip_name"):
                reader.skip(name, reader.value(found, name), f"the text encoder {_COMES_ALONG}")
    return skip


def vae(reader: GraphReader, node: Node, *, alone: bool) -> str:
    """The file of the VAE that decodes, "" for the model's own; a VAE beside a denoiser counts as its own."""
    found = reader.source(node, "vae", (*MODELS, "VAELoader"), ("vae",))
    if found is None or found.type != "VAELoader":
        return ""
    name = file(reader, found, ["vae_name"])
    if alone:
        reader.skip("vae_name", name, f"the VAE {_COMES_ALONG}")
    return "" if alone else name
