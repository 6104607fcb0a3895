"""LoRAs on a loaded model: found, fitted, refused where they do not fit, and worn for one forward pass.

A stack that is asked for again is worn already, and one that was asked for lately is not read again. The model's
own weights come back when they are next wanted: ``Pipelines.get``, or a pass without LoRAs.
"""

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.errors import InputError, ModelError
from studio.families import Shapes
from studio.lora import algorithms
from studio.lora.formats.file import Change, LoraFile
from studio.lora.formats.fit import Fitted, fit
from studio.lora.library import base_model, lora_index
from studio.lora.library.card import LoraCard
from studio.lora.patcher import Key, Piece, Wardrobe, Worn
from studio.model_files.hashes import digest
from studio.models.card import ModelCard
from studio.parameters.conditioning import Guide
from studio.parameters.request import Request
from studio.prompts.lora import Lora
from studio.tensors.hardware import pick_device
from studio.tensors.reading import read_all

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor

_MOST: Final = 2**30  # bytes of files that are kept for a second use
_NAMED: Final = 3  # modules that a refusal names


@dataclass(frozen=True)
class Fitting:
    """A file as it fits one model: what it does to each parameter, of how many modules it speaks, its learned words.

    ``unfit`` are the modules and tensors that do not fit, ``family`` names the one that the file was made for, "" where
    nothing says it.
    """

    name: str
    sha256: str
    family: str
    pieces: tuple[Piece, ...]
    modules: int
    unfit: tuple[str, ...]
    words: "Mapping[str, list[Tensor]]" = field(repr=False)
    size: int


class Loras:
    """The LoRAs of one session: files that were read, by the model they fit, and what each loaded model wears."""

    def __init__(self, device: str = "auto") -> None:
        self._wanted = device
        self._read: OrderedDict[tuple[str, str], Fitting] = OrderedDict()  # the one used last at the end
        self._wardrobes: dict[str, Wardrobe] = {}

    def stack(self, card: ModelCard, pipeline: "DiffusionPipeline", guide: Guide) -> "Stack":
        """What a guide asks for, ready to be worn by a pipeline of the model.

        Raises InputError that names the modules where a file does not fit the model as a whole, or a block of its
        weights is none of its modules; ModelError where a file is none or is damaged.
        """
        fittings = {lora: self._fitting(card, pipeline, lora) for lora in everywhere(guide)}
        return Stack(self._wardrobe(card), pipeline, guide, fittings)

    def off(self, card: ModelCard, pipeline: "DiffusionPipeline") -> None:
        """The model's own weights again."""
        self._wardrobe(card).off(pipeline)

    def forget(self, model: str) -> None:
        """All that was kept for a model that leaves memory."""
        self._wardrobes.pop(model, None)
        for key in [key for key in self._read if key[0] == model]:
            del self._read[key]

    def _wardrobe(self, card: ModelCard) -> Wardrobe:
        key = str(card.path)
        if key not in self._wardrobes:
            self._wardrobes[key] = Wardrobe(pick_device(self._wanted))
        return self._wardrobes[key]

    def _fitting(self, card: ModelCard, pipeline: "DiffusionPipeline", lora: Lora) -> Fitting:
        path = lora_index.find(lora.part)
        key = (str(card.path), digest(path))
        if key not in self._read:
            self._read[key] = fitting(path, _shapes(pipeline), card)
        self._read.move_to_end(key)
        self._make_room()
        check(lora, card, self._read[key])
        return self._read[key]

    def _make_room(self) -> None:
        while len(self._read) > 1 and sum(each.size for each in self._read.values()) > _MOST:
            self._read.popitem(last=False)


class Stack:
    """The LoRAs of one forward pass."""

    def __init__(
        self, wardrobe: Wardrobe, pipeline: "DiffusionPipeline", guide: Guide, fittings: Mapping[Lora, Fitting]
    ) -> None:
        self._wardrobe, self._pipeline, self._guide, self._fittings = wardrobe, pipeline, guide, fittings
        self._done, self._of = 0, 1

    def wear(self, besides: Sequence[Lora] = ()) -> None:
        """Let the model wear the picture's LoRAs that act in the next step, and ``besides`` an area's own.

        Text encoders read a prompt once for all steps, so there a LoRA acts whenever it acts in the denoiser.
        """
        wanted: dict[Key, Worn] = {}
        for lora in (*self._guide.loras, *besides):
            for piece in self._fittings[lora].pieces:
                if strength := self._strength(lora, piece):
                    wanted[piece.key] = (*wanted.get(piece.key, ()), (piece, strength))
        self._wardrobe.wear(self._pipeline, wanted)

    def after(self, done: int, of: int) -> None:
        """Change to what acts after ``done`` of ``of`` steps."""
        self._done, self._of = done, of
        if done < of and any((lora.start, lora.end) != (0, 1) for lora in self._fittings):
            self.wear()

    def reading(self) -> Hashable:
        """What decides, besides the model itself, how prompts are read at this time: changes of its text encoders.

        And the files that learned words may come from.
        """
        files = frozenset(fitting.sha256 for fitting in self._fittings.values() if fitting.words)
        return self._wardrobe.worn("text_encoder"), files

    def words(self) -> "dict[str, list[Tensor]]":
        """The words that were learned along with the LoRAs, and their vectors for each text encoder."""
        return {word: vectors for fitting in self._fittings.values() for word, vectors in fitting.words.items()}

    def account(self) -> list[dict[str, Any]]:
        """Which LoRAs were worn, for the record: name, hash, what was asked, and modules changed of how many."""
        return [_account(lora, self._fittings[lora]) for lora in everywhere(self._guide)]

    def _strength(self, lora: Lora, piece: Piece) -> float:
        acts = lora.start <= self._done / self._of < lora.end or _of_text(piece)
        return weight_of(lora, piece) if acts else 0.0


def everywhere(guide: Guide) -> list[Lora]:
    """The picture's LoRAs, then those of its areas."""
    return [*guide.loras, *(lora for region in guide.regions for lora in region.loras)]


def _account(lora: Lora, fitting: Fitting) -> dict[str, Any]:
    changed = {piece.target for piece in fitting.pieces if weight_of(lora, piece)}
    return {
        "name": fitting.name,
        "sha256": fitting.sha256,
        "asked": str(lora),
        "modules": len(changed),
        "of": fitting.modules,
    } | ({"unfit": list(fitting.unfit)} if fitting.unfit else {})


def check_steps(request: Request) -> None:
    """Raise InputError that names a LoRA which would act in none of the request's steps."""
    steps = request.steps_run
    for lora in everywhere(request.guide):
        if not any(lora.start <= step / steps < lora.end for step in range(steps)):
            raise InputError(f"the LoRA '{lora}' acts in none of {steps} steps; let it begin earlier or end later")


def weight_of(lora: Lora, piece: Piece) -> float:
    """How strong a LoRA is in one parameter, in the steps in which it acts."""
    if _of_text(piece):
        return lora.weight if lora.text is None else lora.text
    return lora.weight_in(piece.place.module)


def _of_text(piece: Piece) -> bool:
    return piece.place.component.startswith("text_encoder")


def fitting(path: Path, model: Mapping[str, Shapes], card: ModelCard) -> Fitting:
    """A file read whole and held against a model, given by its parameters' shapes as for ``fit``.

    Raises ModelError where it is no LoRA, is damaged, or could mean one module or another.
    """
    file, sha256 = LoraFile.read(path), digest(path)
    found = fit(file, model, card.family)
    unfit = (*map(str, found.misshaped), *found.unknown, *file.strays)
    tensors = read_all(path)
    pieces = tuple(pieces_of(sha256, found.fitted, tensors))
    _check_once(path.stem, pieces)
    words = {word: [tensors[name] for name in names.values()] for word, names in file.embeddings.items()}
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    modules = len({change.target for change in file.changes})
    return Fitting(path.stem, sha256, LoraCard.read(path).family, pieces, modules, unfit, words, size)


def _shapes(pipeline: "DiffusionPipeline") -> dict[str, Shapes]:
    """What a LoRA may change of a pipeline, parameter by parameter."""
    parts = {
        name: part
        for name, part in pipeline.components.items()
        if name in {"unet", "transformer"} or name.startswith("text_encoder")
    }
    return {
        name: {key: tuple(parameter.shape) for key, parameter in part.named_parameters()}
        for name, part in parts.items()
        if part is not None
    }


def pieces_of(sha256: str, fitted: Sequence[Fitted], tensors: "Mapping[str, Tensor]") -> Iterator[Piece]:
    """What changes of a file with this SHA-256 do, parameter by parameter; nothing for those whose alpha is 0."""
    for each in fitted:
        if each.change.idle:
            continue
        of = _roles(each.change, tensors)
        for place in each.places:
            for bias, there in zip((False, True), algorithms.changes(of), strict=True):
                if there:
                    yield Piece(sha256, each.change.target, each.change.form, place, bias, each.places, of)


def _roles(change: Change, tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """A change's tensors by role: numbers without a shape, and PEFT's magnitudes as vectors, of convolutions too.

    Its alpha is that of the file's configuration where no tensor holds it.
    """
    import torch

    of = {role: tensors[name] for role, name in change.tensors.items()}
    if "magnitude" in change.tensors.get("dora_scale", ""):
        of["dora_scale"] = of["dora_scale"].flatten()
    if "on_input" in of:
        of["on_input"] = of["on_input"].reshape(())
    return of if change.alpha is None else of | {"alpha": torch.tensor(change.alpha)}


def check(lora: Lora, card: ModelCard, fitting: Fitting) -> None:
    """Raise InputError unless all of the file fits the model, or what fits of it is enough, and blocks are there."""
    if fitting.unfit and not (lora.partial and fitting.pieces):
        raise _unfit(card, fitting)
    if fitting.family not in {"", card.family.name} and not lora.partial:
        raise InputError(
            f"the LoRA '{fitting.name}' was made for {base_model.title(fitting.family)}, and {card.name} is "
            f"{card.family.title}; its modules fit, so :partial=1 would use it all the same"
        )
    modules = {f"{piece.place.module}." for piece in fitting.pieces if not _of_text(piece)}
    for begin, _ in lora.blocks:
        if not any(module.startswith(f"{begin}.") for module in modules):
            known = sorted({".".join(module.split(".")[:2]) for module in modules})
            raise InputError(f"the LoRA '{fitting.name}' changes nothing in '{begin}'; it changes {', '.join(known)}")


def _unfit(card: ModelCard, fitting: Fitting) -> InputError:
    fit, wrong = len({piece.target for piece in fitting.pieces}), fitting.unfit
    more = f" and {len(wrong) - _NAMED:,} more" if len(wrong) > _NAMED else ""
    return InputError(
        f"the LoRA '{fitting.name}' does not fit {card.name}: {fit:,} of its {fitting.modules:,} modules do, but not "
        f"{', '.join(wrong[:_NAMED])}{more}; choose one that was made for {card.family.title}"
        f"{', or write :partial=1 to do without them' if fit else ''}"
    )


def _check_once(name: str, pieces: Sequence[Piece]) -> None:
    """Raise ModelError where two changes of a file are for the same weights."""
    times = Counter((piece.key, piece.place.into) for piece in pieces)
    for (key, _), count in times.items():
        if count > 1:
            raise ModelError(f"the LoRA '{name}' changes '{'.'.join(key)}' {count} times; get another file")
