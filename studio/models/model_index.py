"""Models by name: those that came with the studio, those that were added, and any by its path."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from studio.config import shipped
from studio.errors import InputError, ModelError
from studio.files.untrusted import exists
from studio.model_files.hash_cache import HashCache
from studio.models import external_dirs
from studio.models.card import ModelCard, changed
from studio.models.registry import Entry, RegistryFile
from studio.plugins import unknown


@dataclass(frozen=True)
class ModelIndex:
    """The models that a state folder knows of, read anew at each call."""

    state: Path

    @property
    def registry(self) -> RegistryFile:
        """Which models were added."""
        return RegistryFile(self.state / "models.json")

    @property
    def downloads(self) -> Path:
        """The folder for models from the Hub."""
        return self.state / "models"

    @property
    def hash_cache(self) -> HashCache:
        """The hashes of large files."""
        return HashCache(self.state / "hashes.sqlite")

    def names(self) -> list[str]:
        """The models that are here: first those that came with the studio."""
        return list(self.paths())

    def paths(self) -> dict[str, Path]:
        """Where the models lie, by their names, in the order of ``names``; none is read whole."""
        lying = self._elsewhere()
        models = self.among(lying.values()) if lying else set()
        own = {name: shipped("assets") / name for name in _own()}
        added = {name: file for name, file in lying.items() if file in models}
        added |= {name: entry.path for name, entry in self.registry.read().models.items()}
        return own | {name: added[name] for name in sorted(added.keys() - own.keys())}

    def among(self, files: Iterable[Path]) -> set[Path]:
        """Those of the files that are models of a family known here."""
        return external_dirs.models(files, self.state / "seen.json")

    def find(self, ref: str) -> ModelCard:
        """The card of the model ``ref``: a name, a diffusers folder or a weight file.

        Raises InputError for an unknown name, ModelError where there is no known model in the folder or file.
        """
        if ref in _own():
            return self.read(shipped("assets") / ref)
        if entry := self.registry.read().models.get(ref):
            return self._added(ref, entry)
        if file := self._elsewhere().get(ref):
            return replace(self.read(file), name=ref)
        path = Path(ref)
        if exists(path):
            return self.read(path)
        raise InputError(f"{unknown('model', ref, self.names())}, or give the folder or file of a model")

    def read(self, path: Path, base: Path | None = None) -> ModelCard:
        """As ``ModelCard.read``; the hashes of its files are remembered."""
        return replace(ModelCard.read(path, base), hash_cache=self.hash_cache)

    def _added(self, name: str, entry: Entry) -> ModelCard:
        if not exists(entry.path):
            raise ModelError(
                f"the model '{name}' is no longer at '{entry.path}'; bring it back, or: studio models remove {name}"
            )
        for problem in entry.lying.problems(entry.pins, self.hash_cache):
            raise changed(name, problem)
        card = ModelCard.read(entry.path, entry.base, entry.parts)
        claimed = entry.origin.licence if entry.origin else card.licence
        return replace(card, name=name, pins=entry.pins, licence=claimed, hash_cache=self.hash_cache)

    def _elsewhere(self) -> dict[str, Path]:
        """The files in the folders of other programs, models or not; of one name, that in the folder added first."""
        found: dict[str, Path] = {}
        for folder in self.registry.read().folders:
            found = external_dirs.files(folder) | found
        return found


def _own() -> list[str]:
    return sorted(index.parent.name for index in shipped("assets").glob("*/model_index.json"))
