"""What can be put to a model: ControlNets, T2I-Adapters, IP-Adapters, VAEs, embeddings, and models that see.

Recognised by content, read in place; only safetensors, their headers checked before anything parses them, nothing
from the network. A part is known by its path, or by its name in the folder of parts.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from studio.errors import InputError, ModelError
from studio.families import Shapes
from studio.files.untrusted import exists, is_file, is_folder, named_in_text
from studio.model_files.configuration import read_json
from studio.model_files.hash_cache import HashCache
from studio.model_files.hashes import digest
from studio.model_files.header import Header
from studio.plugins import unknown

_CLASSES: Final = {
    "ControlNetUnionModel": "controlnet",
    "T2IAdapter": "controlnet",
    "AutoencoderKL": "vae",
    "AutoencoderTiny": "vae",
    "DPTForDepthEstimation": "depth",
    "DepthAnythingForDepthEstimation": "depth",
    "VitPoseForPoseEstimation": "pose",
}
_KEYS: Final = (  # the beginning of a tensor's name, and what a file with it is; the first that fits
    ("image_proj.", "ip-adapter"),
    ("controlnet_cond_embedding.", "controlnet"),
    ("control_model.", "controlnet"),
    ("input_hint_block.", "controlnet"),
    ("first_stage_model.", "vae"),
    ("decoder.conv_in.", "vae"),
    ("decoder.conv1.", "vae"),  # Wan's and Qwen-Image's
)
# What a union ControlNet was shown, in the order of its numbers, and the tensor with a row for each; after the cards of
# xinsir/controlnet-union-sdxl-1.0 and InstantX/FLUX.1-dev-Controlnet-Union.
_MODES: Final = {
    "ControlNetUnionModel": ("pose", "depth", "scribble", "edges", "normals", "segments", "tile", "repaint"),
    "FluxControlNetModel": ("edges", "tile", "depth", "blur", "pose", "gray", "low quality"),
}
_ROWS: Final = {"task_embedding": "ControlNetUnionModel", "controlnet_mode_embedder.weight": "FluxControlNetModel"}
TITLES: Final = {
    "controlnet": "ControlNet or T2I-Adapter",
    "ip-adapter": "IP-Adapter",
    "vae": "VAE",
    "embedding": "embedding",
    "depth": "model that estimates depth",
    "pose": "model that finds poses",
}


@dataclass(frozen=True)
class Part:
    """A folder with ``config.json``, or one safetensors file.

    ``kind`` is one of TITLES, ``class_name`` the library's class as a folder's configuration names it,
    "" for a file. ``modes`` are the kinds of picture that a union ControlNet follows, by their numbers.
    """

    name: str
    path: Path
    kind: str
    class_name: str = ""
    modes: tuple[str, ...] = ()
    hash_cache: HashCache = field(default=HashCache(), compare=False, repr=False)

    @classmethod
    def read(cls, path: Path) -> "Part":
        """What lies at a path; raises ModelError where it is none of the parts known here, or damaged."""
        part = cls._of_file(path) if is_file(path) else cls._of_folder(path)
        for file in (part.encoder if part.kind == "ip-adapter" else path).glob("*.safetensors"):
            Header.read(file)
        return part

    @classmethod
    def _of_file(cls, path: Path) -> "Part":
        tensors = _tensors(path)
        return cls(path.stem, path, _kind_of_file(path, tensors), modes=_modes_of_file(tensors))

    @classmethod
    def _of_folder(cls, path: Path) -> "Part":
        config = _config(path)
        class_name = str(config["_class_name"])
        kind = "controlnet" if class_name.endswith("ControlNetModel") else _CLASSES.get(class_name, "")
        if not kind:
            raise ModelError(f"'{path}' holds a {class_name}, which is no part of a model known here")
        return cls(path.name, path, kind, class_name, _modes(class_name, config))

    @property
    def adapter(self) -> bool:
        """Whether it is a T2I-Adapter, which acts alike in all steps and costs less than a ControlNet."""
        return self.class_name == "T2IAdapter"

    @property
    def encoder(self) -> Path:
        """Where the image encoder that an IP-Adapter looks through must lie."""
        return self.path.parent / "image_encoder"

    def mode(self, shows: str) -> int | None:
        """The number by which a union ControlNet knows such a picture; None where it was made for one kind only.

        Raises InputError where it must be told, or does not follow such pictures.
        """
        if not self.modes:
            return None
        if shows not in self.modes:
            known = ", ".join(self.modes)
            raise InputError(f"'{self.name}' follows several kinds of picture; say which this one is: {known}")
        return self.modes.index(shows)

    def sha256(self) -> str:
        """A hash over all that decides what it does."""
        if self.kind == "ip-adapter":
            return self._digest(self.path.parent, [self.path, *_files(self.encoder)])
        if is_file(self.path):
            return digest(self.path, self.hash_cache)
        return self._digest(self.path, _files(self.path))

    def _digest(self, folder: Path, files: Iterable[Path]) -> str:
        """One hash over the names, within ``folder``, and the contents of files."""
        lines = (f"{file.relative_to(folder).as_posix()} {digest(file, self.hash_cache)}\n" for file in files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Adapters:
    """The folder in which parts are looked for by name."""

    folder: Path
    hash_cache: HashCache

    def names(self, kind: str) -> list[str]:
        """The parts of a kind that are in the folder of parts."""
        return sorted(part.path.name for part in self._all() if part.kind == kind)

    def find(self, ref: str, kind: str) -> Part:
        """The part ``ref``, a name or a path, of the kind that is wanted.

        Raises InputError where there is none or it is another kind, ModelError where it cannot be read.
        """
        path = self.folder / ref if ref in self.names(kind) else Path(ref)
        if not exists(path):
            raise InputError(f"{unknown(TITLES[kind], ref, self.names(kind))} (or give the path of one)")
        part = self._read(path)
        if part.kind != kind:
            raise InputError(f"'{ref}' is a {TITLES[part.kind]}; here a {TITLES[kind]} is wanted")
        return part

    def _read(self, path: Path) -> Part:
        return replace(Part.read(path), hash_cache=self.hash_cache)

    def _all(self) -> Iterator[Part]:
        """Every part in the folder; what is something else there, or has a name that is no text, is passed over."""
        for path in sorted(filter(named_in_text, self.folder.iterdir())) if is_folder(self.folder) else ():
            try:
                yield self._read(path)
            except ModelError:
                continue


def _files(folder: Path) -> list[Path]:
    """The weights and configurations directly in a folder."""
    return sorted(file for file in folder.glob("*") if file.suffix in {".safetensors", ".json"})


def _config(path: Path) -> dict[str, Any]:
    """A folder's configuration, the class under ``_class_name`` whichever library wrote it."""
    file = path / "config.json"
    config = read_json(file) if is_file(file) else {}
    architectures = config.get("architectures")
    named = config.get("_class_name") or (architectures[0] if isinstance(architectures, list) and architectures else "")
    if not named:
        raise ModelError(f"'{path}' has no config.json that says what it holds; give the folder of one part")
    return {**config, "_class_name": str(named)}


def _modes(class_name: str, config: dict[str, Any]) -> tuple[str, ...]:
    count = config.get("num_control_type", 6) if "Union" in class_name else config.get("num_mode")
    return _MODES.get(class_name, ())[: count or 0]


def _modes_of_file(tensors: Shapes) -> tuple[str, ...]:
    return next((_MODES[name][: tensors[row][0]] for row, name in _ROWS.items() if row in tensors), ())


def _kind_of_file(path: Path, tensors: Shapes) -> str:
    found = (kind for start, kind in _KEYS if any(key.startswith(start) for key in tensors))
    return next(found, "embedding" if len(tensors) <= 2 else "") or _strange(path)


def _tensors(path: Path) -> Shapes:
    """A file's tensors; whatever its name says, only safetensors is read."""
    header = Header.read(path)
    if header.format != ".safetensors":
        raise ModelError(f"'{path}' is a {header.format[1:]} file, which is read of whole models only")
    return header.shapes


def _strange(path: Path) -> str:
    raise ModelError(f"'{path}' holds none of the parts known here: {', '.join(TITLES.values())}")
