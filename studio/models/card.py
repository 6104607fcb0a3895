"""What is known of a model without loading it."""

import hashlib
import json
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from studio import plugins
from studio.errors import ModelError
from studio.families import Defaults, Family, Folder
from studio.kinds import Size


@dataclass(frozen=True)
class ModelCard:
    """A model in diffusers' folder layout.

    ``defaults`` are what suits it, ``sampler`` is the class of its own scheduler without the word,
    ``licence`` as its own card claims it.
    """

    name: str
    path: Path
    family: Family
    variant: str
    defaults: Defaults
    sampler: str
    licence: str

    @classmethod
    def read(cls, path: Path) -> "ModelCard":
        """The card of the model in a folder; raises ModelError where it is none we know."""
        folder = _folder(path)
        family, variant = _family(path, folder)
        said = _front_matter(path)
        defaults = replace(
            family.defaults,
            size=_size(folder) or family.defaults.size,
            **{key: said[key] for key in ("steps", "guidance") if key in said},
        )
        sampler = str(folder.says("scheduler", "_class_name") or "unknown").removesuffix("Scheduler")
        return cls(path.name, path, family, variant, defaults, sampler, str(said.get("license", "unknown")))

    @property
    def size(self) -> Size:
        """The size it was trained at."""
        return self.defaults.size

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


def _folder(path: Path) -> Folder:
    """What the folder says of the model in it."""
    configs = (*path.glob("*/config.json"), *path.glob("*/scheduler_config.json"))
    return Folder(_json(path / "model_index.json"), {file.parent.name: _json(file) for file in configs})


def _family(path: Path, folder: Folder) -> tuple[Family, str]:
    """The family of a folder's model, as it is for its variant."""
    families: list[Family] = [plugins.find("families", name).FAMILY for name in plugins.names("families")]
    for family in families:
        if (variant := family.variant_of(folder)) is not None:
            return family.of(variant), variant
    known = ", ".join(family.title for family in families)
    raise ModelError(f"the model in '{path}' is a {folder.pipeline}, which is not supported; supported: {known}")


def _size(folder: Folder) -> Size | None:
    """Native size: the edge of a U-Net's latents times eight; transformers do not say it so plainly."""
    edge = folder.says("unet", "sample_size")
    return Size(8 * edge, 8 * edge) if isinstance(edge, int) else None


def _front_matter(path: Path) -> dict[str, Any]:
    """What the model's own card says of itself at its head; nothing where it has none.

    Besides the hub's keys ("license") the studio reads ``steps`` and ``guidance``.
    """
    card = path / "README.md"
    text = card.read_text("utf-8", errors="replace") if card.is_file() else ""
    found = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    try:
        said = yaml.safe_load(found[1]) if found else {}
    except yaml.YAMLError:
        said = {}
    return said if isinstance(said, dict) else {}
