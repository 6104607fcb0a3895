"""What is known of a model without loading it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from studio.errors import ModelError
from studio.families import Defaults, Family
from studio.kinds import Size
from studio.models import bases, folder
from studio.models.hashes import Pin, digest, problems
from studio.models.header import Header
from studio.models.weights import Weights, recognised
from studio.untrusted.files import exists, is_file, is_folder

_SAID: Final[Mapping[str, type]] = MappingProxyType({"steps": int, "guidance": float})
_DECIDING = {".safetensors", ".json", ".txt", ".jinja"}


@dataclass(frozen=True)
class ModelCard:
    """A model: a folder in diffusers' layout, or a single weight file, safetensors or GGUF.

    ``defaults`` are what suits it, ``sampler`` is the class of its own scheduler without the word,
    ``licence`` as its own card claims it, ``prediction`` what its denoiser says (as in ``Weights``).
    ``weights`` is what a single file turned out to be, ``base`` where the rest of it comes from.
    ``pins`` are the files as they were when the model was added, by their names within ``path``. ``notes`` say what of
    its own card cannot be read.
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
    pins: Mapping[str, Pin] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path, base: Path | None = None) -> "ModelCard":
        """The card of the model in a folder or file; raises ModelError where it is none we know.

        ``base`` is a diffusers folder that has what a single file lacks; without it, what came with
        the studio for the file's family.
        """
        return cls._of_folder(path) if is_folder(path) else cls._of_file(path, base)

    @classmethod
    def _of_folder(cls, path: Path) -> "ModelCard":
        told, (said, problem) = folder.read(path), folder.front_matter(path)
        family, variant = folder.family(path, told)
        numbers = {key: kind(said[key]) for key, kind in _SAID.items() if isinstance(said.get(key), int | float)}
        defaults = replace(family.defaults, size=folder.size(told) or family.defaults.size, **numbers)
        sampler = str(told.says("scheduler", "_class_name") or "unknown").removesuffix("Scheduler")
        licence = str(said.get("license", "unknown"))
        return cls(
            path.name, path, family, variant, defaults, sampler, licence, folder.prediction(told),
            notes=(problem,) if problem else (),
        )  # fmt: skip

    @classmethod
    def _of_file(cls, path: Path, base: Path | None) -> "ModelCard":
        found = recognised(path).whole(path, base) if base else recognised(path)
        own = base or bases.own_base(found.family.name)
        return cls(
            path.stem,
            path,
            found.family,
            found.variant,
            found.family.defaults,
            bases.scheduler(own) if exists(own) else "unknown",
            found.licence,
            found.prediction,
            found,
            own if exists(own) else None,
        )

    @property
    def size(self) -> Size:
        """The size it was trained at."""
        return self.defaults.size

    def suited(self, steps: int | None, guidance: float | None) -> tuple[int, float]:
        """These steps and this guidance, or what suits the model where they are left open."""
        own = self.defaults
        return own.steps if steps is None else steps, own.guidance if guidance is None else guidance

    def files(self) -> list[Path]:
        """Everything that decides what the model draws: weights, configurations, vocabulary."""
        if self.weights:
            return [self.path]
        parts = (file for file in self.path.glob("*/*") if file.suffix in _DECIDING and is_file(file))
        return [self.path / "model_index.json", *sorted(parts)]

    def sha256(self) -> str:
        """The file's hash, or one hash over the names and contents of a folder's ``files``.

        Raises ModelError that names the first that is not as it was pinned.
        """
        self._hold_to_pins()
        if self.weights:
            return digest(self.path)
        whole = hashlib.sha256()
        for name, found in self.hashes().items():
            whole.update(f"{name} {found}\n".encode())
        return whole.hexdigest()

    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each of ``files`` by its name within the model."""
        return {self._within(file): digest(file) for file in self.files()}

    def check(self) -> None:
        """Raise ModelError where loading it would run code, or a file is damaged or not as it was pinned."""
        self._hold_to_pins()
        if self.weights:
            Header.read(self.path)
        else:
            folder.check(self.path)

    def _hold_to_pins(self) -> None:
        new = [
            f"'{file}' was not there then" for file in self.files() if self.pins and self._within(file) not in self.pins
        ]
        for problem in [*problems(self.path, self.pins), *new]:
            raise changed(self.name, problem)

    def _within(self, file: Path) -> str:
        """A file's name within the model; "" is the model itself where it is one file."""
        return "" if file == self.path else file.relative_to(self.path).as_posix()


def changed(name: str, problem: str) -> ModelError:
    """The error for a model that is not as it was added."""
    return ModelError(
        f"the model '{name}' is not as it was added: {problem}; bring the file back, "
        f"or take the model as it is now: studio models remove {name}, then add it again"
    )
