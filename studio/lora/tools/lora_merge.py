"""LoRAs made of LoRAs: several in one, or one with another rank.

Of each parameter all additive changes are summed, and the sum is put into as few ranks as are asked for. Sums of
products stay products; other forms are spelled out, one module at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.lora.formats.written_names import names
from studio.lora.library.lora_index import LoraIndex
from studio.lora.patcher import Key
from studio.lora.tools import lora_inputs
from studio.lora.tools.lora_inputs import Gathered
from studio.lora.tools.lora_writer import Gain, Watch, Written, check_name, write
from studio.lora.tools.merge_metadata import MADE_FROM, architecture, label, of_lora
from studio.lora.tools.metadata_rewrite import still_true
from studio.lora.tools.svd import Choice, Product, of_matrix, of_product
from studio.model_files.header import Header
from studio.models.card import ModelCard
from studio.prompts.lora import Lora
from studio.tensors.hardware import exact_device

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def together(
    loras: Sequence[Lora], index: LoraIndex, choice: Choice, out: Path, watch: Watch, card: ModelCard | None = None
) -> Written:
    """Write one LoRA that does what several do together; ``card`` is a model they are for.

    Without a model the files must name their modules alike, and be of forms whose difference depends on none. Raises
    InputError that names the form or the file otherwise.
    """
    check_name(out)
    found = lora_inputs.of_model(card, loras, index) if card else lora_inputs.alone(loras, index)
    paths = [each.path for each in found.cards]
    name = names({part for part, _ in found.spots}) if card else lora_inputs.own_names(paths)
    about = f"{architecture(card.family, paths[0])}/lora" if card else of_lora(found.cards[0])
    triggers = [word for each in found.cards for word in each.triggers]
    told = label(out.stem, about, found.sources, triggers)
    return replace(write(out, _gains(found, choice, watch), name, _precision(found), told), words=found.words)


def resize(path: Path, index: LoraIndex, choice: Choice, out: Path, watch: Watch) -> Written:
    """Write a LoRA again with another rank, under the names its modules have; whole differences stay as they are."""
    check_name(out)
    found = lora_inputs.alone([Lora(str(path))], index)
    card, metadata = found.cards[0], still_true(Header.read(path).metadata)
    told = label(card.title, of_lora(card), found.sources) | {"modelspec.merged_from": card.name}
    own = told | metadata | {key: told[key] for key in ("modelspec.merged_from", MADE_FROM)}
    name = lora_inputs.own_names([path])
    return replace(write(out, _gains(found, choice, watch), name, _precision(found), own), words=found.words)


def _precision(found: Gathered) -> "torch.dtype":
    import torch

    return torch.float16 if found.halves else torch.float32


def _gains(found: Gathered, choice: Choice, watch: Watch) -> Iterator[Gain]:
    for done, key in enumerate(found.worn):
        yield Gain(key, found.shapes[key], _gain(found, key, choice), found.norm(key))
        watch(done + 1, len(found.worn))


def _gain(found: Gathered, key: Key, choice: Choice) -> "Product | Tensor":
    import torch

    worn, device = found.worn[key], exact_device()
    pairs = [piece.factors(strength) for piece, strength in worn]
    if len(products := [pair for pair in pairs if pair]) == len(pairs):
        up, down = torch.cat([pair[0] for pair in products], 1), torch.cat([pair[1] for pair in products])
        return of_product(up.to(device), down.to(device), choice)
    made = torch.zeros(found.shapes[key], dtype=torch.float64, device=device)
    for piece, strength in worn:
        piece.add(made, strength, found.own)
    is_whole = made.ndim < 2 or all(piece.form in {"full", "norm"} for piece, _ in worn)
    return made if is_whole else of_matrix(made.flatten(1), choice)
