"""LoRAs made from LoRAs: several merged into one, or one with another rank.

The additive layers of each parameter are summed, and the sum is factorised with as few ranks as requested. Sums of
products stay products; other algorithms are expanded, one module at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.lora.formats.lora_keys import namer
from studio.lora.library.lora_index import LoraIndex
from studio.lora.patcher import ParameterKey
from studio.lora.tools import lora_inputs
from studio.lora.tools.lora_inputs import LoraInputs
from studio.lora.tools.lora_writer import ParameterDifference, ReportProgress, WrittenLora, check_name, write
from studio.lora.tools.merge_metadata import MADE_FROM, architecture, lora_architecture, merge_metadata
from studio.lora.tools.metadata_rewrite import without_stale
from studio.lora.tools.svd import LowRankProduct, RankLimit, factorise, refactorise
from studio.model_files.header import Header
from studio.models.card import ModelCard
from studio.prompts.lora import Lora
from studio.tensors.hardware import exact_device

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def merge_loras(
    loras: Sequence[Lora],
    index: LoraIndex,
    limit: RankLimit,
    out: Path,
    report: ReportProgress,
    card: ModelCard | None = None,
) -> WrittenLora:
    """Write one LoRA that does what several do together; ``card`` is a model that they are for.

    Without a model the files must name their modules alike, and their algorithms must not depend on the model's
    weights. Raises InputError that names the algorithm or the file otherwise.
    """
    check_name(out)
    inputs = lora_inputs.for_model(card, loras, index) if card else lora_inputs.without_model(loras, index)
    paths = [each.path for each in inputs.cards]
    name = namer({component for component, _ in inputs.locations}) if card else lora_inputs.original_names(paths)
    base = f"{architecture(card.family, paths[0])}/lora" if card else lora_architecture(inputs.cards[0])
    triggers = [word for each in inputs.cards for word in each.triggers]
    metadata = merge_metadata(out.stem, base, inputs.sources, triggers)
    written = write(out, _differences(inputs, limit, report), name, _dtype(inputs), metadata)
    return replace(written, words=inputs.words)


def resize(path: Path, index: LoraIndex, limit: RankLimit, out: Path, report: ReportProgress) -> WrittenLora:
    """Write a LoRA again with another rank, under the same keys; full differences stay as they are."""
    check_name(out)
    inputs = lora_inputs.without_model([Lora(str(path))], index)
    card = inputs.cards[0]
    new = merge_metadata(card.title, lora_architecture(card), inputs.sources) | {"modelspec.merged_from": card.name}
    kept = without_stale(Header.read(path).metadata)
    metadata = new | kept | {key: new[key] for key in ("modelspec.merged_from", MADE_FROM)}
    name = lora_inputs.original_names([path])
    written = write(out, _differences(inputs, limit, report), name, _dtype(inputs), metadata)
    return replace(written, words=inputs.words)


def _dtype(inputs: LoraInputs) -> "torch.dtype":
    import torch

    return torch.float16 if inputs.half_precision else torch.float32


def _differences(inputs: LoraInputs, limit: RankLimit, report: ReportProgress) -> Iterator[ParameterDifference]:
    for done, key in enumerate(inputs.patches):
        yield ParameterDifference(key, inputs.shapes[key], _value(inputs, key, limit), inputs.is_norm(key))
        report(done + 1, len(inputs.patches))


def _value(inputs: LoraInputs, key: ParameterKey, limit: RankLimit) -> "LowRankProduct | Tensor":
    import torch

    patches, device = inputs.patches[key], exact_device()
    pairs = [patch.factors(strength) for patch, strength in patches]
    if len(products := [pair for pair in pairs if pair]) == len(pairs):
        up, down = torch.cat([pair[0] for pair in products], 1), torch.cat([pair[1] for pair in products])
        return refactorise(up.to(device), down.to(device), limit)
    total = torch.zeros(inputs.shapes[key], dtype=torch.float64, device=device)
    for patch, strength in patches:
        patch.add_to(total, strength, inputs.original)
    is_full = total.ndim < 2 or all(patch.algorithm in {"full", "norm"} for patch, _ in patches)
    return total if is_full else factorise(total.flatten(1), limit)
