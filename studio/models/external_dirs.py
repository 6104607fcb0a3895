"""Models of other programs, read where they lie: the folders of A1111 and its kin, and of ComfyUI.

Looking into hundreds of files takes a while, so which of them are models is kept in ``seen.json`` in the state
folder. It is only a memory: damaged or lost, it is made anew.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from studio import plugins
from studio.files import private
from studio.files.untrusted import exists, is_folder, named_in_text, resolved, walk_files
from studio.model_files.hashes import Stamp
from studio.models.checkpoint_detect import Weights, verdict
from studio.models.folder import PICKLES
from studio.version import VERSION

_WITHIN: Final = (
    "models/Stable-diffusion",  # A1111, Forge, SD.Next
    "models/checkpoints",  # ComfyUI
    "models/diffusion_models",
    "models/unet",
)

_PARTS: Final = ("vae", "VAE", "text_encoders", "text_encoder", "clip")

_WHOLE: Final = (".safetensors", ".gguf")


def files(folder: Path) -> dict[str, Path]:
    """The weight files among a program's models by name: what leads to them, without the ending.

    Of a safetensors and a GGUF file of one name the former counts.
    """
    found: dict[str, Path] = {}
    for place in _places(folder):
        there = [file for file in walk_files(place) if file.suffix in _WHOLE and named_in_text(file)]
        for file in sorted(there, key=lambda file: _WHOLE.index(file.suffix)):
            found.setdefault(file.relative_to(place).with_suffix("").as_posix(), file)
    return found


def beside(path: Path) -> list[Path]:
    """The safetensors files in the folders of parts of the program that a model's file belongs to; none where there is
    none.
    """
    home = next((parent for parent in path.parents if parent.name == "models"), None)
    places = [home / place for place in _PARTS if is_folder(home / place)] if home else []
    found = {resolved(file): file for place in places for file in walk_files(place) if file.suffix == ".safetensors"}
    return [file for file in sorted(found) if named_in_text(file)]


def pickled(folder: Path) -> list[Path]:
    """The models in it that are left alone, because reading them could run code."""
    return [file for place in _places(folder) for file in walk_files(place) if file.suffix.lower() in PICKLES]


def models(candidates: Iterable[Path], cache: Path) -> set[Path]:
    """Those of the files that are models of a family known here; ``cache`` is the file of what was seen."""
    stamps = {str(file): [*Stamp.of(file)] for file in candidates}
    seen = _seen(cache)
    new = {path: _look(path, stamp) for path, stamp in stamps.items() if seen.get(path, [])[:3] != stamp}
    if new:
        seen = {path: entry for path, entry in (seen | new).items() if path in stamps or exists(Path(path))}
        _keep(seen, cache)
    return {Path(path) for path in stamps if seen[path][3]}


def _places(folder: Path) -> list[Path]:
    """Where the models lie in the folder of such a program; the folder itself where it is none."""
    return [folder / place for place in _WITHIN if is_folder(folder / place)] or [folder]


def _look(path: str, stamp: list[int]) -> list[Any]:
    return [*stamp, isinstance(verdict(Path(path)), Weights)]


def _judges() -> list[str]:
    """Who decided: with another version or more families the same file may be a model."""
    return [VERSION, *plugins.names("families")]


def _seen(cache: Path) -> dict[str, list[Any]]:
    """What was seen of each file by its path: stamp, and whether it is a model."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        kept = json.loads(cache.read_bytes())
        if kept["by"] == _judges():
            return {path: entry for path, entry in kept["files"].items() if isinstance(entry, list) and len(entry) == 4}
    return {}


def _keep(seen: dict[str, list[Any]], cache: Path) -> None:
    with suppress(OSError):
        private.state_folder(cache.parent)
        private.replace(cache, json.dumps({"by": _judges(), "files": seen}).encode())
