"""Which models were added: ``models.json`` in the state folder, an index in plain JSON.

It holds where models lie and what their files were like, nothing that is nowhere else: lost, it is made anew
by adding the models again. The models' own folders are never written to.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from studio.errors import ModelError, OutputError
from studio.files import private
from studio.model_files.hashes import Lying, Pin


class Origin(BaseModel):
    """Where a model came from: a host, a repository there, the commit, and the licence it claims."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    host: str
    repository: str
    commit: str
    licence: str


class Entry(BaseModel):
    """One model that was added: its folder or file, each of its files pinned, and where the rest of it lies.

    ``parts`` are files of their own beside a denoiser, by the names under which they are pinned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    path: Path
    pins: dict[str, Pin]
    base: Path | None = None
    parts: dict[str, Path] = {}
    origin: Origin | None = None

    @property
    def lying(self) -> Lying:
        return Lying(self.path, self.base, self.parts)


class Registry(BaseModel):
    """Models by name, and the folders of other programs whose models are used where they lie."""

    model_config = ConfigDict(extra="forbid")
    models: dict[str, Entry] = {}
    folders: list[Path] = []


@dataclass(frozen=True)
class RegistryFile:
    """The registry on disk."""

    file: Path

    def read(self) -> Registry:
        """What was added so far; raises ModelError where the index is damaged."""
        if not self.file.is_file():
            return Registry()
        try:
            return Registry.model_validate_json(self.file.read_bytes())
        except (OSError, ValidationError):
            raise ModelError(
                f"the list of models '{self.file}' cannot be read; move it away and add your models again: "
                "it is only a list"
            ) from None

    @contextmanager
    def changing(self) -> Iterator[Registry]:
        """The registry to change in place, written when the block ends; other processes wait.

        Raises OutputError where it cannot be written.
        """
        lock = FileLock(self.file.with_suffix(".lock"), mode=0o600)
        with self._writing():
            private.state_folder(self.file.parent)
            held = lock.acquire()
        with held:
            registry = self.read()
            yield registry
            data = registry.model_dump(mode="json", exclude_defaults=True)
            with self._writing():
                private.replace(self.file, json.dumps(data, indent=1, ensure_ascii=False).encode())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"the list of models '{self.file}' cannot be written: {error.strerror or error}; nothing in it was "
                "changed: set STUDIO_STATE to a folder that can be written"
            ) from None
