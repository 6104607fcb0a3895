"""Which model a sampler works with: its file, the LoRAs it wears, and what reads the prompts."""

from dataclasses import dataclass, replace
from typing import Final

from studio.errors import InputError
from studio.imports.comfy.graph import Node
from studio.imports.comfy.graph_traversal import GraphReader
from studio.imports.comfy.nodes import MODELS, SHIFTS, TEXT_ENCODERS
from studio.prompts.lora import Lora

_LORAS: Final = ("LoraLoader", "LoraLoaderModelOnly")
_NO_CHECKPOINT: Final = ("UNETLoader", "UnetLoaderGGUF")
_COMES_ALONG: Final = "comes with the model here"


@dataclass(frozen=True)
class LoadedModel:
    """A model's file as it is called there, "" where it cannot be told. ``alone`` where it is the denoiser only."""

    name: str = ""
    loras: tuple[Lora, ...] = ()
    alone: bool = False
    shifted: bool = False

    @property
    def distilled(self) -> bool:
        """Whether it looks like FLUX, which was distilled a guidance that a graph need not name."""
        return "flux" in self.name.lower()


def model(reader: GraphReader, node: Node) -> LoadedModel:
    """What comes into a node as its model."""
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
        reader.skip("model", "", "which one it was cannot be told; choose one")
    alone = bool(found and found.type in _NO_CHECKPOINT)
    if alone:  # its LoRAs are for the denoiser anyway
        loras = [replace(lora, text=lora.text or None) for lora in loras]
    return LoadedModel(name, tuple(reversed(loras)), alone, shifted)


def _next(reader: GraphReader, node: Node) -> Node | None:
    return reader.source(node, "model", (*MODELS, *SHIFTS, *_LORAS), ("model", "model1", "base_model"))


def file(reader: GraphReader, node: Node, names: list[str]) -> str:
    """The name of a file that a loader loads; folders are parted by "/"."""
    name = next((one for one in names if one.endswith(("name", "path", "image")) and one != "config_name"), "")
    return reader.text(node, name).replace("\\", "/").strip()[:500]


def _lora(reader: GraphReader, node: Node) -> list[Lora]:
    name = file(reader, node, ["lora_name"])
    weight = reader.number(node, "strength_model", 1.0)
    text = reader.number(node, "strength_clip", weight) if node.type == "LoraLoader" else 0.0
    if weight is None or text is None:
        reader.skip(node, name, "how strongly it counts is unknown; choose it, and give its weight")
        return []
    try:
        lora = Lora(name, weight, None if text == weight else text)
        return [lora] if Lora.parse(str(lora)) == lora else []
    except InputError as error:
        reader.skip(node, name, str(error))
        return []


def clip_skip(reader: GraphReader, node: Node) -> int | None:
    """Which layer reads the prompt of a node, 1 the last; None where nothing is said."""
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
    """The file of the VAE that decodes, "" for the model's own; one beside a denoiser is its own."""
    found = reader.source(node, "vae", (*MODELS, "VAELoader"), ("vae",))
    if found is None or found.type != "VAELoader":
        return ""
    name = file(reader, found, ["vae_name"])
    if alone:
        reader.skip("vae_name", name, f"the VAE {_COMES_ALONG}")
    return "" if alone else name
