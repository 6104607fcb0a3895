"""What is here by name: models, the parts that are put to them, LoRAs, wildcards."""

from dataclasses import dataclass
from pathlib import Path

from studio.config import Settings, data_path
from studio.errors import InputError
from studio.lora.library.lora_index import LoraIndex
from studio.model_files.hash_cache import HashCache
from studio.model_files.hashes import digest
from studio.models.adapters import Adapters, Part
from studio.models.card import ModelCard
from studio.models.model_index import ModelIndex
from studio.plugins import unknown


@dataclass(frozen=True)
class Library:
    """The folders that names are looked up in; nothing is kept in memory, so that new files are seen at once.

    ``state`` holds the list of added models and the caches, ``parts`` LoRAs, ControlNets and other adapters,
    ``wildcards`` the files that ``__name__`` in a prompt draws from.
    """

    state: Path
    parts: Path
    wildcards: Path

    @classmethod
    def of(cls, settings: Settings) -> "Library":
        """The library in the folders of some settings."""
        state = settings.state
        return cls(
            state, settings.parts or data_path("parts", state), settings.wildcards or data_path("wildcards", state)
        )

    @classmethod
    def from_environment(cls) -> "Library":
        """The library that STUDIO_STATE, STUDIO_PARTS and STUDIO_WILDCARDS name: for surfaces without a session.

        It is also what ``Workflow.load``, ``Job.of``, ``Job.with_values``, ``Course`` and ``train_lora`` use where they
        are given no library or folder: they are public, people call them in notebooks with nothing but values, and
        asking for more there would break their code. Nothing else below the surfaces may call it.
        """
        return cls.of(Settings.from_environment())

    @property
    def models(self) -> ModelIndex:
        return ModelIndex(self.state)

    @property
    def adapters(self) -> Adapters:
        return Adapters(self.parts, self.hash_cache)

    @property
    def loras(self) -> LoraIndex:
        return LoraIndex(self.parts, self.models.registry, self.state / "loras.json", self.hash_cache)

    @property
    def hash_cache(self) -> HashCache:
        return self.models.hash_cache

    def names(self, kind: str) -> list[str]:
        """All there are of a kind: "model", "lora", or a part ("vae", "controlnet" …)."""
        if kind == "model":
            return self.models.names()
        return self.loras.names() if kind == "lora" else self.adapters.names(kind)

    def check_name(self, kind: str, ref: str) -> None:
        """Raise InputError where ``ref`` is none of the ``names``, nor the end of a LoRA's: a path opens a file."""
        known, asked = self.names(kind), ref.removesuffix(".safetensors") if kind == "lora" else ref
        if not any(name == asked or (kind == "lora" and name.endswith(f"/{asked}")) for name in known):
            raise InputError(unknown("LoRA" if kind == "lora" else kind, ref, known))

    def find(self, kind: str, ref: str) -> ModelCard | Part | Path:
        """What is there under a name or path; raises InputError where it is nothing, or something else."""
        if kind == "model":
            return self.models.find(ref)
        return self.loras.find(ref) if kind == "lora" else self.adapters.find(ref, kind)

    def sha256(self, kind: str, ref: str) -> str:
        """The hash of what is there; raises as ``find`` does."""
        found = self.find(kind, ref)
        return digest(found, self.hash_cache) if isinstance(found, Path) else found.sha256()
