"""What is known of a model without loading it."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from studio import plugins
from studio.errors import ModelError
from studio.families import Family
from studio.kinds import Size


@dataclass(frozen=True)
class ModelCard:
    """A model in diffusers' folder layout.

    ``size`` is the size it was trained at, ``sampler`` the class of its own scheduler without the
    word, ``licence`` as its own card claims it.
    """

    name: str
    path: Path
    family: Family
    size: Size
    sampler: str
    licence: str

    @classmethod
    def read(cls, path: Path) -> "ModelCard":
        """The card of the model in a folder; raises ModelError where it is none we know."""
        index = _json(path / "model_index.json")
        return cls(
            path.name, path, _family(path, str(index.get("_class_name"))), _size(path), _sampler(path), _licence(path)
        )

    def files(self) -> list[Path]:
        """Everything that decides what the model draws: weights, configurations, vocabulary."""
        wanted = {".safetensors", ".json", ".txt"}
        parts = (file for file in self.path.glob("*/*") if file.suffix in wanted and file.is_file())
        return [self.path / "model_index.json", *sorted(parts)]

    def sha256(self) -> str:
        """One hash over the names and contents of ``files``."""
        whole = hashlib.sha256()
        for file in self.files():
            about = file.stat()
            digest = _digest(file, about.st_size, about.st_mtime_ns)
            whole.update(f"{file.relative_to(self.path).as_posix()} {digest}\n".encode())
        return whole.hexdigest()


@cache
def _digest(file: Path, _size: int, _changed: int) -> str:
    """The SHA-256 of a file, read again only where its size or time of change is another: models are large."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"'{path}' cannot be read ({error}); is this the folder of a diffusers model?") from None
    return content if isinstance(content, dict) else {}


def _family(path: Path, class_name: str) -> Family:
    for name in plugins.names("families"):
        family: Family = plugins.find("families", name).FAMILY
        if class_name in family.classes:
            return family
    known = ", ".join(plugins.find("families", name).FAMILY.title for name in plugins.names("families"))
    raise ModelError(f"the model in '{path}' is a {class_name}, which is not supported; supported: {known}")


def _size(path: Path) -> Size:
    """Native size: the denoiser's latent edge times eight."""
    edge = 8 * int(_json(path / "unet" / "config.json").get("sample_size", 64))
    return Size(edge, edge)


def _sampler(path: Path) -> str:
    config = _json(path / "scheduler" / "scheduler_config.json")
    return str(config.get("_class_name", "unknown")).removesuffix("Scheduler")


def _licence(path: Path) -> str:
    """The ``license`` line of the model card; "unknown" where it says nothing."""
    card = path / "README.md"
    lines = card.read_text("utf-8", errors="replace").splitlines() if card.is_file() else []
    found = (line.partition(":")[2].strip() for line in lines[:40] if line.startswith("license:"))
    return next(found, "unknown")
