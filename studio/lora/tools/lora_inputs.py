"""LoRAs that are asked for, read for good: parameter by parameter what they do, of a model or without one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import InputError
from studio.families import Shape, Shapes
from studio.lora.formats.file import Change, LoraFile
from studio.lora.formats.fit import Fitted
from studio.lora.formats.format_summary import formats, part
from studio.lora.formats.key_mapping import Place
from studio.lora.formats.written_names import KOHYA, PEFT, Name
from studio.lora.library.card import LoraCard
from studio.lora.library.lora_index import LoraIndex
from studio.lora.loading import check, fitting, pieces_of, weight_of
from studio.lora.patcher import Key, Piece, Worn
from studio.lora.tools.merge_metadata import Source
from studio.model_files.hashes import digest
from studio.models.card import ModelCard
from studio.models.parameter_index import Spot, spots
from studio.prompts.lora import Lora
from studio.tensors import reading

if TYPE_CHECKING:
    from torch import Tensor

_SUMS = frozenset({"lora", "full", "norm"})  # forms whose difference and shape need no weight to be known


@dataclass(frozen=True)
class Gathered:
    """What several LoRAs together do to each parameter, the parameters' shapes, and where the files came from.

    ``spots`` are where the parameters lie in the model, none without one; ``halves`` is whether all files are in half
    precision; ``words`` were learned along with the LoRAs, and are no part of this.
    """

    worn: Mapping[Key, Worn]
    shapes: Mapping[Key, Shape]
    cards: tuple[LoraCard, ...]
    sources: tuple[Source, ...]
    halves: bool
    words: tuple[str, ...]
    spots: Mapping[Key, Spot]

    def own(self, key: Key) -> "Tensor":
        """A parameter as it is without any LoRA; without a model nothing, in its shape, which is all that sums need."""
        import torch

        return reading.read(self.spots[key]) if self.spots else torch.zeros(self.shapes[key])

    def norm(self, key: Key) -> bool:
        """Whether a parameter is a norm's."""
        weight = (key[0], f"{key[1].rpartition('.')[0]}.weight")
        known = len(self.shapes[weight]) == 1 if weight in self.shapes else False
        return known or any(piece.form == "norm" for piece, _ in self.worn.get(key, ()))


def of_model(card: ModelCard, loras: Sequence[Lora], index: LoraIndex) -> Gathered:
    """Held against a model.

    Raises InputError where a LoRA is not here, does not fit, or acts in some steps only; ModelError for a damaged one.
    """
    _refuse_steps(loras)
    lying = spots(card)
    shapes: dict[str, Shapes] = {part: {name: spot.shape for name, spot in own.items()} for part, own in lying.items()}
    pairs: list[tuple[Piece, float]] = []
    words: list[str] = []
    for lora, path in _found(loras, index):
        found = fitting(path, shapes, card)
        check(lora, card, found)
        pairs += [(piece, weight_of(lora, piece)) for piece in found.pieces]
        words += found.words
    flat = {(part, name): spot for part, own in lying.items() for name, spot in own.items()}
    every = {key: spot.shape for key, spot in flat.items()}
    return _gathered(pairs, every, loras, words, flat, index)


def alone(loras: Sequence[Lora], index: LoraIndex) -> Gathered:
    """By the names that the files give their modules; each has to share some with those before it.

    Raises InputError where they share none, or where a change is of a form that only a model's own weights tell.
    """
    _refuse_steps(loras)
    pairs: list[tuple[Piece, float]] = []
    shapes: dict[Key, Shape] = {}
    words: list[str] = []
    for lora, path in _found(loras, index):
        file = LoraFile.read(path)
        _check_alone(lora, file)
        sha256 = digest(path, index.hash_cache)
        found = list(pieces_of(sha256, [_fitted(change) for change in file.changes], reading.read_all(path)))
        if shapes and not {piece.key for piece in found} & shapes.keys():
            raise InputError(
                f"'{lora.part}' names no module as the others do; give the model that they are for: --model"
            )
        for piece in found:
            _agree(lora, shapes.setdefault(piece.key, _shape(piece)), piece)
        pairs += [(piece, weight_of(lora, piece)) for piece in found]
        words += file.embeddings
    return _gathered(pairs, shapes, loras, words, {}, index)


def own_names(paths: Iterable[Path]) -> Name:
    """The names that the tensors have in the files themselves; those of a role that is new are formed alike."""
    known: dict[str, dict[str, str]] = {}
    for path in paths:
        for change in LoraFile.read(path).changes:
            known.setdefault(change.target, {}).update(change.tensors)

    def name(_component: str, module: str, role: str) -> str:
        own = known[module]
        peft = any(".lora_A" in tensor for tensor in own.values())
        return own.get(role) or f"{module}.{(PEFT if peft else KOHYA).get(role, role)}"

    return name


def _gathered(
    pairs: Sequence[tuple[Piece, float]],
    shapes: Mapping[Key, Shape],
    loras: Sequence[Lora],
    words: Sequence[str],
    lying: Mapping[Key, Spot],
    index: LoraIndex,
) -> Gathered:
    worn: dict[Key, Worn] = {}
    for piece, strength in pairs:
        if strength:
            worn[piece.key] = (*worn.get(piece.key, ()), (piece, strength))
    halves = all(
        tensor.element_size() < 4 or not tensor.ndim for piece, _ in pairs for tensor in piece.tensors.values()
    )
    found = _found(loras, index)
    cards = tuple(LoraCard.read(path) for _, path in found)
    sources = [
        Source.of_lora(card, digest(path, index.hash_cache), str(lora)[len(lora.part) + 1 :])
        for card, (lora, path) in zip(cards, found, strict=True)
    ]
    return Gathered(worn, shapes, cards, tuple(sources), halves, tuple(words), lying)


def _found(loras: Sequence[Lora], index: LoraIndex) -> list[tuple[Lora, Path]]:
    return [(lora, index.find(lora.part)) for lora in loras]


def _refuse_steps(loras: Sequence[Lora]) -> None:
    for lora in loras:
        if (lora.start, lora.end) != (0, 1):
            raise InputError(f"'{lora}' acts in some steps only, but what is merged acts in all; leave out from and to")


def _fitted(change: Change) -> Fitted:
    """Where a change goes by the file's own words."""
    component = "denoiser" if part(change.target) == "denoiser" else "text_encoder"
    return Fitted(change, (Place(component, change.target),))


def _check_alone(lora: Lora, file: LoraFile) -> None:
    if lora.blocks:
        raise InputError(f"'{lora}' names blocks, which are those of a model; give it: --model")
    if file.strays:
        raise InputError(
            f"'{lora.part}' has {len(file.strays)} tensors of no format known here; get it in another format"
        )
    strange = [change for change in file.changes if change.form not in _SUMS or "dora_scale" in change.shapes]
    if strange:
        raise InputError(
            f"'{lora.part}' is {formats(strange).partition(': ')[2]}: what that changes depends on the model's own "
            f"weights; give the model that it is for: --model (studio lora merge makes a LoRA of one file too)"
        )


def _agree(lora: Lora, shape: Shape, piece: Piece) -> None:
    if shape != _shape(piece):
        raise InputError(f"'{lora.part}' changes '{piece.target}' in another size, {_shape(piece)}, not {shape}")


def _shape(piece: Piece) -> Shape:
    """Of the parameter that a piece changes, by its tensors."""
    of = {role: tuple(tensor.shape) for role, tensor in piece.tensors.items()}
    if piece.bias:
        return next(of[role] for role in ("diff_b", "b_norm") if role in of)
    if piece.form != "lora":
        return next(of[role] for role in ("diff", "w_norm") if role in of)
    return (of["up"][0], of["down"][1], *of.get("mid", of["down"])[2:])
