"""A LoRA from the difference of two checkpoints of one family."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.errors import InputError
from studio.lora.formats.lora_keys import namer
from studio.lora.patcher import ParameterKey
from studio.lora.tools.lora_writer import ParameterDifference, ReportProgress, WrittenLora, check_name, write
from studio.lora.tools.merge_metadata import MergeSource, architecture, merge_metadata
from studio.lora.tools.svd import LowRankProduct, RankLimit, factorise
from studio.models.card import ModelCard
from studio.models.parameter_index import ParameterLocation, parameter_locations
from studio.tensors import reading
from studio.tensors.hardware import exact_device

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_NAMED: Final = 3  # parameters that an error names
_EMBEDDING: Final = re.compile(r"(token|position)_embedding|embed_tokens|shared|relative_attention_bias")
_Locations = Mapping[ParameterKey, ParameterLocation]
_Pairs = Mapping[ParameterKey, tuple[ParameterLocation, ParameterLocation]]


@dataclass(frozen=True)
class ExtractedLora:
    """What was written, and the parameters that differ but that no LoRA format can hold."""

    written: WrittenLora
    left: tuple[str, ...]


def extract(tuned: ModelCard, base: ModelCard, limit: RankLimit, out: Path, report: ReportProgress) -> ExtractedLora:
    """Write the LoRA that turns ``base`` into ``tuned``.

    Linear layers and convolutions are written in factors; biases, norms and embeddings as they are. Parameters that are
    the same in both are left out. Raises InputError where the two are of different families or shapes.
    """
    check_name(out)
    pairs = dict(_pairs(tuned, base))
    left: list[str] = []
    sources = [MergeSource.of_model(tuned), MergeSource.of_model(base)]
    of_base = architecture(base.family, base.path if base.weights else None)
    metadata = merge_metadata(out.stem, f"{of_base}/lora", sources)
    metadata["modelspec.merged_from"] = f"{tuned.name} less {base.name}"
    name = namer({component for component, _ in pairs})
    written = write(out, _differences(pairs, limit, report, left), name, _dtype(pairs), metadata)
    return ExtractedLora(written, tuple(left))


def _pairs(
    tuned: ModelCard, base: ModelCard
) -> Iterator[tuple[ParameterKey, tuple[ParameterLocation, ParameterLocation]]]:
    """Each parameter of both; components that only one of them has, such as a text encoder, are left out."""
    if tuned.family.name != base.family.name:
        raise InputError(
            f"{tuned.name} is {tuned.family.title} and {base.name} is {base.family.title}; give two of one family"
        )
    ours, theirs = _flat(tuned), _flat(base)
    both = {component for component, _ in ours} & {component for component, _ in theirs}
    _check(tuned, base, *({key: at for key, at in each.items() if key[0] in both} for each in (ours, theirs)))
    return ((key, (at, theirs[key])) for key, at in ours.items() if key[0] in both)


def _flat(card: ModelCard) -> dict[ParameterKey, ParameterLocation]:
    components = parameter_locations(card)
    return {(component, name): at for component, own in components.items() for name, at in own.items()}


def _check(tuned: ModelCard, base: ModelCard, ours: _Locations, theirs: _Locations) -> None:
    """Raise InputError that names parameters which only one of them has, or which have different shapes."""
    wrong = [f"{'.'.join(key)} is in one of them only" for key in ours.keys() ^ theirs.keys()]
    wrong += [
        f"{'.'.join(key)} is {at.shape} and {theirs[key].shape}"
        for key, at in ours.items()
        if key in theirs and at.shape != theirs[key].shape
    ]
    if wrong:
        more = f" and {len(wrong) - _NAMED:,} more" if len(wrong) > _NAMED else ""
        raise InputError(
            f"{tuned.name} and {base.name} are not of one shape: {'; '.join(sorted(wrong)[:_NAMED])}{more}; give a "
            "model and the one that it was tuned from"
        )


def _dtype(pairs: _Pairs) -> "torch.dtype":
    """Full precision where both have it, else half: the difference has no more."""
    import torch

    found = {at.dtype for pair in pairs.values() for at in pair}
    return torch.float32 if found <= {"F32", "F64"} else torch.float16


def _differences(
    pairs: _Pairs, limit: RankLimit, report: ReportProgress, left: list[str]
) -> Iterator[ParameterDifference]:
    for done, (key, (ours, theirs)) in enumerate(pairs.items()):
        if (difference := _difference(reading.read(ours), reading.read(theirs))) is not None:
            if key[1].endswith((".weight", ".bias")):
                value = _value(key, difference, limit)
                yield ParameterDifference(key, tuple(difference.shape), value, _is_norm(key, pairs))
            else:
                left.append(".".join(key))
        report(done + 1, len(pairs))


def _difference(tuned: "Tensor", base: "Tensor") -> "Tensor | None":
    """None where both are the same when rounded to the less precise dtype of the two."""
    import torch

    coarser = min(tuned.dtype, base.dtype, key=lambda dtype: -torch.finfo(dtype).eps)
    if torch.equal(tuned.to(coarser), base.to(coarser)):
        return None
    return tuned.to(exact_device(), torch.float64) - base.to(exact_device(), torch.float64)


def _value(key: ParameterKey, difference: "Tensor", limit: RankLimit) -> "LowRankProduct | Tensor":
    is_embedding = key[0].startswith("text_encoder") and _EMBEDDING.search(key[1])
    return difference if difference.ndim < 2 or is_embedding else factorise(difference.flatten(1), limit)


def _is_norm(key: ParameterKey, pairs: _Pairs) -> bool:
    weight = (key[0], f"{key[1].rpartition('.')[0]}.weight")
    return weight in pairs and len(pairs[weight][0].shape) == 1
