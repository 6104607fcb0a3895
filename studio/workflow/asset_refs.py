"""What a value names: models, parts to put to them, LoRAs."""

from collections.abc import Iterator
from typing import Any

from studio.parameters.types import PARTS
from studio.parameters.value_lists import listed
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
