"""Models in files and what is in them, for the tools that make models and LoRAs of one another."""

import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from studio.diffusion.engine import Engine
from studio.lora.formats.file import LoraFile
from studio.lora.formats.fit import fit
from studio.lora.library.check import LoraCheck
from studio.lora.library.hashes import Digests
from studio.model_files.hash_cache import HashCache
from studio.model_files.header import Header
from studio.models.card import ModelCard
from studio.models.parameter_index import parameters
from studio.parameters.conditioning import Guide
from studio.parameters.request import Request
from studio.prompts.lora import Lora
from tests import here


def spark(home: Path) -> ModelCard:
    """Spark in single precision, so that nothing is rounded when it is written, with its own card."""
    from diffusers import StableDiffusionPipeline

    card = here.card("spark")
    StableDiffusionPipeline.from_pretrained(card.path, safety_checker=None).save_pretrained(home / "spark32")
    shutil.copyfile(card.path / "README.md", home / "spark32/README.md")
    return ModelCard.read(home / "spark32")


def silent(_done, _of):
    """Whoever does not watch."""


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """All of a file, or of a folder's files by their names in it."""
    files = [path] if path.is_file() else sorted(path.rglob("*.safetensors"))
    return {f"{file.relative_to(path)}/{name}": t for file in files for name, t in load_file(file).items()}


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata()


def draw(card: ModelCard, *loras: str, pipelines=None):
    request = Request(
        prompt="three yellow stars on navy",
        negative_prompt="",
        steps=2,
        guidance=4.0,
        width=64,
        height=64,
        guide=Guide(loras=tuple(map(Lora.parse, loras))),
    )
    return Engine(pipelines or here.pipelines(), 3).denoise(card, request)


def is_whole(path: Path, card: ModelCard) -> bool:
    """Whether all of a LoRA is read and fits, and its own hash of it is true."""
    file = LoraFile.read(path)
    found = fit(file, parameters(card), card.family)
    assert Header.read(path).metadata["modelspec.hash_sha256"] == f"0x{Digests.of(path, HashCache()).tensors}"
    return (found.share, file.unrecognised, LoraCheck.of(path, card).problem) == (1.0, (), "")
