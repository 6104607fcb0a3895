"""A LoRA from the difference of two checkpoints of one family."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.errors import InputError
from studio.lora.formats.written_names import names
from studio.lora.patcher import Key
from studio.lora.tools.lora_writer import Gain, Watch, Written, check_name, write
from studio.lora.tools.merge_metadata import Source, architecture, label
from studio.lora.tools.svd import Choice, Product, of_matrix
from studio.models.card import ModelCard
from studio.models.parameter_index import Spot, spots
from studio.tensors import reading
from studio.tensors.hardware import exact_device

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_NAMED: Final = 3
_EMBEDDING: Final = re.compile(r"(token|position)_embedding|embed_tokens|shared|relative_attention_bias")
_Spots = Mapping[Key, Spot]


@dataclass(frozen=True)
class Extracted:
    """What was written, and the parameters that differ but that no LoRA file has a form for."""

    written: Written
    left: tuple[str, ...]


def extract(tuned: ModelCard, base: ModelCard, choice: Choice, out: Path, watch: Watch) -> Extracted:
    """Write the LoRA that makes ``tuned`` of ``base``.

    Linear layers and convolutions in factors; biases, norms and embeddings, where they differ, as they are; what is
    the same in both is left out. Raises InputError where the two are of different families or shapes.
    """
    check_name(out)
    pairs = dict(_pairs(tuned, base))
    left: list[str] = []
    sources = [Source.of_model(tuned), Source.of_model(base)]
    about = architecture(base.family, base.path if base.weights else None)
    told = label(out.stem, f"{about}/lora", sources)
    told["modelspec.merged_from"] = f"{tuned.name} less {base.name}"
    name = names({part for part, _ in pairs})
    written = write(out, _gains(pairs, choice, watch, left), name, _precision(pairs), told)
    return Extracted(written, tuple(left))


def _pairs(tuned: ModelCard, base: ModelCard) -> Iterator[tuple[Key, tuple[Spot, Spot]]]:
    """Each parameter of both; parts that but one of them has, as a text encoder, are passed over."""
    if tuned.family.name != base.family.name:
        raise InputError(
            f"{tuned.name} is {tuned.family.title} and {base.name} is {base.family.title}; give two of one family"
        )
    ours, theirs = _flat(tuned), _flat(base)
    parts = {part for part, _ in ours} & {part for part, _ in theirs}
    _check(tuned, base, *({key: at for key, at in each.items() if key[0] in parts} for each in (ours, theirs)))
    return ((key, (at, theirs[key])) for key, at in ours.items() if key[0] in parts)


def _flat(card: ModelCard) -> dict[Key, Spot]:
    return {(part, name): spot for part, own in spots(card).items() for name, spot in own.items()}


def _check(tuned: ModelCard, base: ModelCard, ours: _Spots, theirs: _Spots) -> None:
    """Raise InputError that names what only one of them has, or what has another shape."""
    wrong = [f"{'.'.join(key)} is in one of them only" for key in ours.keys() ^ theirs.keys()]
    wrong += [
        f"{'.'.join(key)} is {at.shape} and {theirs[key].shape}"
        for key, at in ours.items()
        if key in theirs and at.shape != theirs[key].shape
    ]
    if wrong:
        more = f" and {len(wrong) - _NAMED:,} more" if len(wrong) > _NAMED else ""
        raise InputError(
            f"{tuned.name} and {base.name} are not of one shape: {'; '.join(sorted(wrong)[:_NAMED])}{more}"
        )


def _precision(pairs: Mapping[Key, tuple[Spot, Spot]]) -> "torch.dtype":
    """Full where both are, else half: there is no more in the difference."""
    import torch

    found = {spot.dtype for pair in pairs.values() for spot in pair}
    return torch.float32 if found <= {"F32", "F64"} else torch.float16


def _gains(pairs: Mapping[Key, tuple[Spot, Spot]], choice: Choice, watch: Watch, left: list[str]) -> Iterator[Gain]:
    for done, (key, (ours, theirs)) in enumerate(pairs.items()):
        if (differs := _difference(reading.read(ours), reading.read(theirs))) is not None:
            if key[1].endswith((".weight", ".bias")):
                yield _gain(key, differs, choice, norm=_is_norm(key, pairs))
            else:
                left.append(".".join(key))
        watch(done + 1, len(pairs))


def _difference(tuned: "Tensor", base: "Tensor") -> "Tensor | None":
    """None where both are the same, but for the rounding of the coarser of the two."""
    import torch

    coarser = min(tuned.dtype, base.dtype, key=lambda dtype: -torch.finfo(dtype).eps)
    if torch.equal(tuned.to(coarser), base.to(coarser)):
        return None
    return tuned.to(exact_device(), torch.float64) - base.to(exact_device(), torch.float64)


def _is_norm(key: Key, pairs: Mapping[Key, tuple[Spot, Spot]]) -> bool:
    weight = (key[0], f"{key[1].rpartition('.')[0]}.weight")
    return weight in pairs and len(pairs[weight][0].shape) == 1


def _gain(key: Key, differs: "Tensor", choice: Choice, *, norm: bool) -> Gain:
    thick = differs.ndim > 1 and not (key[0].startswith("text_encoder") and _EMBEDDING.search(key[1]))
    what: Product | Tensor = of_matrix(differs.flatten(1), choice) if thick else differs
    return Gain(key, tuple(differs.shape), what, norm)
