"""What a LoRA file does to a model, told by the names and shapes of its tensors; nothing is loaded but its alphas."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite, prod
from pathlib import Path
from types import MappingProxyType
from typing import Final

from studio.errors import ModelError
from studio.families import Shapes
from studio.lora.formats import key_suffixes, unsupported
from studio.lora.formats.peft_config import Trained
from studio.model_files.header import Header

_BUNDLED: Final = "bundle_emb"
_INNER: Final = {"lora": ("down",), "loha": ("w1_b",), "lokr": ("w1_b", "w2_b")}


@dataclass(frozen=True)
class Change:
    """What a file does to one module.

    ``target`` is the module as the file names it, ``form`` one of ``roles.FORMS``. ``tensors`` are the names of the
    file's tensors by their role in it ("up", "down"), ``shapes`` their shapes. ``alpha`` is what a tensor of the file,
    or else its configuration, gives; None where nothing does, or where it would say nothing.
    ``on_input`` says of IA3 that it scales what comes in, not what goes out.
    """

    target: str
    form: str
    tensors: Mapping[str, str]
    shapes: Shapes
    alpha: float | None = None
    on_input: bool = False

    @property
    def rank(self) -> int:
        """The inner side of its matrices; 0 where it has none, as a whole difference."""
        if self.form == "glora":  # which is written in two orders
            return min(self.shapes["a1"][:2])
        return next((self.shapes[role][0] for role in _INNER.get(self.form, ()) if role in self.shapes), 0)

    @property
    def scale(self) -> float:
        """What the product of its matrices is multiplied by: alpha / rank; 1 where either is missing.

        An alpha of 0 is a scale of 0, as in ComfyUI, A1111 and diffusers; trainers write the rank instead of it.
        """
        return self.alpha / self.rank if self.alpha is not None and self.rank else 1.0

    @property
    def idle(self) -> bool:
        """Whether it changes nothing, whatever its matrices hold, because its alpha is 0."""
        return self.scale == 0 and "dora_scale" not in self.tensors


@dataclass(frozen=True)
class LoraFile:
    """A LoRA file. Each of its tensors is in one change, or in one embedding, or among the strays.

    ``embeddings`` are the textual inversions that came along: word → tensors by their names in an embedding's file.
    ``strays`` are the tensors that nobody knows here, or that lack what belongs to them.
    """

    path: Path
    metadata: Mapping[str, str]
    changes: tuple[Change, ...]
    embeddings: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    strays: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "LoraFile":
        """Read from the file's header.

        Raises ModelError where it is damaged, is no LoRA, is of a form that is not supported, or says two things of
        one module.
        """
        header = Header.read(path)
        unsupported.check(header)
        changes = tuple(_changes(header))
        if not changes:
            raise ModelError(f"'{path}' is no LoRA: none of its {len(header.tensors):,} tensors changes a module")
        embeddings = _embeddings(header)
        known = {
            name for each in (*(change.tensors for change in changes), *embeddings.values()) for name in each.values()
        }
        strays = tuple(name for name in header.tensors if name not in known)
        return cls(path, header.metadata, changes, embeddings, strays)


def _embeddings(header: Header) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name in header.tensors:
        begin, word, key = (*name.split(".", 2), "", "")[:3]
        if begin == _BUNDLED and word and key:
            found.setdefault(word, {})[key] = name
    return found


def _changes(header: Header) -> Iterator[Change]:
    trained = Trained.of(header)
    for target, forms in _by_target(header).items():
        shared = forms.pop(key_suffixes.SHARED, {})
        whole = {form: found for form, found in forms.items() if _is_whole(header, form, found)}
        weights = [form for form, found in whole.items() if {*found} != {"diff_b"}]  # a bias may go with any form
        if len(weights) > 1:
            raise ModelError(
                f"'{header.path}' changes '{target[:80]}' in two ways, {' and '.join(weights)}; get another"
            )
        for form, found in whole.items():
            yield _change(header, target, form, found | shared if form in weights else found, trained)


def _by_target(header: Header) -> dict[str, dict[str, dict[str, str]]]:
    """Target → form → role → name of the tensor."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for name in header.tensors:
        if not name.startswith(f"{_BUNDLED}.") and (told := key_suffixes.told(name)):
            there = found.setdefault(told.target, {}).setdefault(told.form, {})
            if told.role in there:
                raise ModelError(f"'{header.path}' has '{told.role}' of '{told.target[:80]}' twice")
            there[told.role] = name
    return found


def _is_whole(header: Header, form: str, found: Mapping[str, str]) -> bool:
    shapes = {role: header.tensors[name].shape for role, name in found.items()}
    return key_suffixes.complete(form, found) and all(
        key_suffixes.can_be(form, role, shape) for role, shape in shapes.items()
    )


def _change(header: Header, target: str, form: str, found: Mapping[str, str], trained: Trained) -> Change:
    change = Change(target, form, found, {role: header.tensors[name].shape for role, name in found.items()})
    if form == "ia3":
        return replace(change, on_input=bool(_number(header, found["on_input"])))
    if not change.rank and form != "oft":  # then alpha says nothing, and LyCORIS writes what it likes, infinity too
        return change
    if "alpha" in found:
        return replace(change, alpha=_number(header, found["alpha"]))
    return replace(change, alpha=trained.alpha(target, change.rank)) if change.rank else change


def _number(header: Header, name: str) -> float:
    values = header.numbers(name) if prod(header.tensors[name].shape) == 1 else None
    if values is None or not values.size or not isfinite(values[0]):
        raise ModelError(f"'{header.path}' holds no number in '{name[:80]}'; the file is damaged")
    return float(values[0])
