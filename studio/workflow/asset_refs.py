"""What a value names: models, parts to put to them, LoRAs; and what is known of each by its name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studio.errors import InputError
from studio.lora.library import lora_index
from studio.model_files.hashes import digest
from studio.models import adapters, library
from studio.models.adapters import Part
from studio.models.card import ModelCard
from studio.parameters.types import PARTS
from studio.parameters.value_lists import listed
from studio.plugins import unknown
from studio.prompts import grammar
from studio.prompts.lora import Lora


def of(kind: str, value: Any) -> list[tuple[str, str]]:
    """Each that a value of a ``kind`` of input names: what it is ("model", "vae" …, "lora"), and its name or path.

    Of a prompt these are the LoRAs written in it. Raises InputError for a LoRA written wrongly.
    """
    if kind in ("model", *PARTS):
        return [(kind, value)] if isinstance(value, str) else []
    return [("lora", lora.part) for lora in loras(kind, value)]


def loras(kind: str, value: Any) -> Iterator[Lora]:
    """Those of a stack of LoRAs, or of one prompt or each of several; of another ``kind`` none."""
    if kind == "loras":
        yield from map(Lora.parse, listed(value) if isinstance(value, str) else value)
    if kind == "prompt":
        for text in [value] if isinstance(value, str) else value:
            yield from grammar.loras(text)


def names(kind: str) -> list[str]:
    """All there are of what ``of`` tells."""
    if kind == "model":
        return library.names()
    return lora_index.names() if kind == "lora" else adapters.names(kind)


def check_name(kind: str, ref: str) -> None:
    """Raise InputError where ``ref`` is none of the ``names``, nor the end of a LoRA's: a path opens a file."""
    known, asked = names(kind), ref.removesuffix(".safetensors") if kind == "lora" else ref
    if not any(name == asked or (kind == "lora" and name.endswith(f"/{asked}")) for name in known):
        raise InputError(unknown("LoRA" if kind == "lora" else kind, ref, known))


def find(kind: str, ref: str) -> ModelCard | Part | Path:
    """What is there under a name or path; raises InputError where it is nothing, or something else."""
    if kind == "model":
        return library.find(ref)
    return lora_index.find(ref) if kind == "lora" else adapters.find(ref, kind)


def sha256(kind: str, ref: str) -> str:
    """The hash of what is there; raises as ``find`` does."""
    found = find(kind, ref)
    return digest(found) if isinstance(found, Path) else found.sha256()
