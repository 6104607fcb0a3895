"""What is known of a model without loading it."""

import hashlib
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from studio.errors import ModelError
from studio.families import Defaults, Family
from studio.files.untrusted import exists, is_file, is_folder
from studio.model_files.hash_cache import HashCache
from studio.model_files.hashes import Lying, Pin, digest
from studio.model_files.header import Header
from studio.models import component_configs, folder, separate
from studio.models.checkpoint_detect import Weights, recognised
from studio.parameters.request import Request
from studio.parameters.sampling import Sampling
from studio.parameters.types import Size

_SAID: Final[Mapping[str, type]] = MappingProxyType({"steps": int, "guidance": float})
_NONE: Final[Mapping[str, Path]] = MappingProxyType({})
_DECIDING = {".safetensors", ".json", ".txt", ".jinja"}


@dataclass(frozen=True)
class ModelCard:
    """A model: a folder in diffusers' layout, or a single weight file, safetensors or GGUF.

    ``defaults`` are what suits it, ``sampler`` is the class of its own scheduler without the word,
    ``licence`` as its own card claims it, ``prediction`` what its denoiser says (as in ``Weights``).
    ``weights`` is what a single file turned out to be, ``base`` where the rest of it comes from, and ``parts`` are
    files of their own that have some of it, by the names they are known by. ``pins`` are the files as they were when
    the model was added, by the names of ``files``. ``notes`` say what of its own card cannot be read.
    """

    name: str
    path: Path
    family: Family
    variant: str
    defaults: Defaults
    sampler: str
    licence: str
    prediction: str
    weights: Weights | None = None
    base: Path | None = None
    parts: Mapping[str, Path] = field(default_factory=lambda: _NONE)
    pins: Mapping[str, Pin] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()
    hash_cache: HashCache = field(default=HashCache(), compare=False, repr=False)

    @classmethod
    def read(cls, path: Path, base: Path | None = None, parts: Mapping[str, Path] = _NONE) -> "ModelCard":
        """The card of the model in a folder or file; raises ModelError where it is none we know.

        ``base`` is a diffusers folder that has what a single file lacks; without it, what came with
        the studio for the file's family. ``parts`` are files that have some of it.
        """
        return cls._of_folder(path) if is_folder(path) else cls._of_file(path, base, parts)

    @classmethod
    def _of_folder(cls, path: Path) -> "ModelCard":
        told, (said, problem) = folder.read(path), folder.front_matter(path)
        family, variant = folder.family(path, told)
        numbers = {key: kind(said[key]) for key, kind in _SAID.items() if isinstance(said.get(key), int | float)}
        usual = family.capabilities.defaults
        defaults = replace(usual, size=folder.size(told) or usual.size, **numbers)
        sampler = str(told.get("scheduler", "_class_name") or "unknown").removesuffix("Scheduler")
        licence = str(said.get("license", "unknown"))
        return cls(
            path.name, path, family, variant, defaults, sampler, licence, folder.prediction(told),
            notes=(problem,) if problem else (),
        )  # fmt: skip

    @classmethod
    def _of_file(cls, path: Path, base: Path | None, parts: Mapping[str, Path]) -> "ModelCard":
        found = recognised(path).whole(path, base) if base else recognised(path)
        own = base or component_configs.own_base(found.family.name)
        return cls(
            path.stem,
            path,
            found.family,
            found.variant,
            found.family.capabilities.defaults,
            component_configs.scheduler(own) if exists(own) else "unknown",
            found.licence,
            found.prediction,
            found,
            own if exists(own) else None,
            parts,
        )

    @property
    def size(self) -> Size:
        """The size it was trained at."""
        return self.defaults.size

    def request(self, prompt: str, sampling: Sampling, size: Size | None = None) -> Request:
        """A request for a picture from noise. What ``sampling`` and ``size`` leave open is what suits the model."""
        own, (width, height) = self.defaults, size or self.size
        settled = {
            "steps": own.steps if sampling.steps is None else sampling.steps,
            "guidance": own.guidance if sampling.guidance is None else sampling.guidance,
        }
        return Request(**{**vars(sampling), **settled}, prompt=prompt, width=width, height=height)

    def placed(self) -> dict[str, Path]:
        """The components that lie in files of their own; raises ModelError for a file that is none of this model's."""
        return separate.assign(self.parts.values(), self.configs()) if self.base else {}

    def lacks(self) -> list[str]:
        """The components that are nowhere, as messages call them; those of a folder are all there."""
        if self.weights is None:
            return []
        if self.base is None:
            has = {separate.kind(file) for file in self.parts.values()}
            return [part for part in self.weights.lacks if part not in has]
        return [separate.component_title(name) for name in self.missing()]

    def missing(self) -> list[str]:
        """The components that neither the file has, nor its base, nor files of their own."""
        if self.weights is None or self.base is None:
            return []
        there, wanted = self.placed(), filter(separate.is_part, self.configs())
        own = [name for name in wanted if separate.kind_of(name) in self.weights.lacks and name not in there]
        left = [name for name in own if not (is_folder(self.base) and folder.weight_files(self.base / name))]
        return sorted(left, key=lambda name: (separate.kind_of(name) != separate.VAE, name))

    def files(self) -> dict[str, Path]:
        """Everything that decides what the model draws, by its name within the model, "" for a file that is all of it.

        That is weights, configurations and vocabulary, those of a base too, but not what came with the studio.
        """
        if self.weights is None:
            return self._of(self.path, ())
        lent = self._of(self.base, self._replaced()) if self.base and is_folder(self.base) else {}
        return {"": self.path, **lent, **self.parts}

    def _of(self, path: Path, without: Container[str]) -> dict[str, Path]:
        """What decides in a folder, but the weights of some components."""
        parts = sorted(file for file in path.glob("*/*") if file.suffix in _DECIDING and is_file(file))
        used = [file for file in parts if file.suffix != ".safetensors" or file.parent.name not in without]
        return {file.relative_to(path).as_posix(): file for file in [path / "model_index.json", *used]}

    def _replaced(self) -> set[str]:
        """The components of a base whose weights are not used."""
        lacks = self.weights.lacks if self.weights else ()
        own = {name for name in self.configs() if separate.is_part(name) and separate.kind_of(name) not in lacks}
        return {"unet", "transformer", *own, *self.placed()}

    def configs(self) -> separate.Configs:
        """The configurations of a single file's parts, as far as they are known."""
        return component_configs.components(self.base, self.variant) if self.base else {}

    def bytes(self) -> int:
        """How large its ``files`` are."""
        return sum(file.stat().st_size for file in self.files().values())

    def sha256(self) -> str:
        """The file's hash, or one hash over the names and contents of the ``files`` where they are several.

        Raises ModelError that names the first that is not as it was pinned.
        """
        self._hold_to_pins()
        found = self.hashes()
        if found.keys() == {""}:
            return found[""]
        return hashlib.sha256("".join(f"{name} {one}\n" for name, one in found.items()).encode()).hexdigest()

    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each of ``files`` by its name within the model."""
        return {name: digest(file, self.hash_cache) for name, file in self.files().items()}

    def check(self) -> None:
        """Raise ModelError where loading it would run code, or a file is damaged, unfit or not as it was pinned."""
        self._hold_to_pins()
        if self.weights is None:
            folder.check(self.path)
            return
        Header.read(self.path)
        for file in self.parts.values():
            separate.kind(file)
        self.placed()

    def _hold_to_pins(self) -> None:
        lying = Lying(self.path, self.base, self.parts)
        new = [f"'{file}' was not there then" for name, file in self._holding().items() if name not in self.pins]
        for problem in [*lying.problems(self.pins, self.hash_cache), *new]:
            raise changed(self.name, problem)

    def _holding(self) -> dict[str, Path]:
        """The files that must be pinned: of a folder all there are."""
        return self.files() if self.pins and self.weights is None else {}


def changed(name: str, problem: str) -> ModelError:
    """The error for a model that is not as it was added."""
    return ModelError(
        f"the model '{name}' is not as it was added: {problem}; bring the file back, "
        f"or take the model as it is now: studio models remove {name}, then add it again"
    )
