"""Putting models on the shelf and taking them off; their files stay where they are."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import regex

from studio.errors import InputError
from studio.files.untrusted import is_file, is_folder, resolved
from studio.model_files.hashes import Pin
from studio.models import external_dirs, separate
from studio.models.card import ModelCard
from studio.models.model_index import ModelIndex
from studio.models.registry import Entry, Origin
from studio.plugins import unknown


def add(
    models: ModelIndex,
    path: Path,
    name: str = "",
    base: str = "",
    origin: Origin | None = None,
    *,
    vae: Path | None = None,
    encoders: Sequence[Path] = (),
) -> ModelCard:
    """Add a model, a diffusers folder or a weight file, under a name, its files pinned by their SHA-256.

    ``base`` is a model, by name or folder, that has what a single file lacks; ``vae`` and ``encoders`` are files of
    their own that have some of it. What is still missing is taken from the folders of parts beside the file, as ComfyUI
    has them, where one file alone fits. A file that is here already may be added once more, with what it lacked, and
    keeps its base and its parts where no others are given.
    Raises ModelError where it is no model that may be used, InputError for a name that is taken or cannot be one, and
    for parts that cannot be told.
    """
    path = resolved(path)
    before = _before(models, name or path.stem, path)
    other = _base(models, base) if base else before.base
    given = [separate.require_kind(resolved(vae), separate.VAE)] if vae else []
    given += [separate.require_kind(resolved(file), separate.ENCODER) for file in encoders]
    card = _with_parts(models.read(path, other), given or list(before.parts.values()))
    name = name or card.name
    if not ((before.pins and (base or given)) or (not before.pins and _lies_elsewhere(models, name, path))):
        free_name(models, name)
    card.check()
    pins = {within: Pin.of(file, models.hash_cache) for within, file in card.files().items()}
    with models.registry.changing() as known:
        known.models[name] = Entry(path=path, pins=pins, base=other, parts=dict(card.parts), origin=origin)
    return models.find(name)


def _before(models: ModelIndex, name: str, path: Path) -> Entry:
    """What was added of a file under a name; nothing is pinned where that is new."""
    known = models.registry.read().models.get(name)
    return known if known and known.path == path and is_file(path) else Entry(path=path, pins={})


def _with_parts(card: ModelCard, given: Sequence[Path]) -> ModelCard:
    """The card with the parts that are given, and those that lie beside it and are still missing."""
    if card.weights is None:
        if given:
            raise InputError(
                f"'{card.path}' is a folder with parts of its own; --vae and --text-encoder go with a file"
            )
        return card
    card = replace(card, parts=_named(given))
    missing, configs = card.missing(), card.configs()
    return replace(
        card, parts=_named([*given, *separate.unambiguous(missing, external_dirs.beside(card.path), configs).values()])
    )


def _named(files: Sequence[Path]) -> dict[str, Path]:
    """Files by what tells them apart: their names, or the folders above them too where two are called alike."""
    for depth in range(1, max((len(file.parts) for file in files), default=0)):
        named = {"/".join(file.parts[-depth:]): file for file in files}
        if len(named) == len(files):
            return named
    return {str(file): file for file in files}


def free_name(models: ModelIndex, name: str) -> str:
    """The name as it is; raises InputError where it is taken, or cannot be one."""
    if not regex.fullmatch(r"[\w][\w .+()-]{0,99}", name) or name != name.strip():
        raise InputError(f"'{name}' cannot be a model's name; use letters, digits, spaces and . - + ( ), with --name")
    if name in models.names():
        raise InputError(f"there is a model '{name}' already; choose another name with --name")
    return name


def add_folder(models: ModelIndex, folder: Path) -> None:
    """Use the models in the folder of another program where they lie."""
    with models.registry.changing() as known:
        known.folders = list(dict.fromkeys([*known.folders, resolved(folder)]))


def is_model(path: Path) -> bool:
    """Whether a path is one model rather than a folder of several."""
    return is_file(path) or is_file(path / "model_index.json")


def remove(models: ModelIndex, ref: str) -> str:
    """Take a model, or the folder of another program, off the shelf; say what became of the files.

    Deleted is only what the studio fetched itself. Raises InputError where there is no such thing.
    """
    with models.registry.changing() as known:
        if entry := known.models.pop(ref, None):
            return _deleted(models, entry)
        if (folder := resolved(Path(ref))) in known.folders:
            known.folders.remove(folder)
            return f"its models stay in '{folder}'"
        if home := next((folder for folder in known.folders if ref in external_dirs.files(folder)), None):
            raise InputError(f"'{ref}' lies in the folder '{home}'; remove that: studio models remove {home}")
        raise InputError(unknown("added model", ref, [*known.models, *map(str, known.folders)]))


def verify(models: ModelIndex, name: str) -> list[str]:
    """Read every byte of a model anew and say what is not as it was added, one line for each file.

    A model that was not added, and so is not pinned, is only looked through. Raises ModelError where it is damaged.
    """
    entry = models.registry.read().models.get(name)
    found = list(entry.lying.problems(entry.pins, models.hash_cache, thorough=True)) if entry else []
    if entry and not found:
        _stamp_anew(models, name)
    if not found:
        models.find(name).check()
    return found


def _stamp_anew(models: ModelIndex, name: str) -> None:
    """What was read and found right need not be read again, though it may have been copied or touched."""
    with models.registry.changing() as known:
        entry = known.models[name]
        pins = {file: Pin.of(entry.lying.file(file), models.hash_cache) for file in entry.pins}
        known.models[name] = entry.model_copy(update={"pins": pins})


def _lies_elsewhere(models: ModelIndex, name: str, path: Path) -> bool:
    """Whether a file is known by this name already, from the folder of another program that it lies in."""
    known = models.paths().get(name)
    return known is not None and is_file(path) and resolved(known) == path


def _base(models: ModelIndex, ref: str) -> Path:
    card = models.find(ref)
    if not is_folder(card.path):
        raise InputError(f"'{ref}' cannot be a base: it is a single file; give a model in a diffusers folder")
    return resolved(card.path)


def _deleted(models: ModelIndex, entry: Entry) -> str:
    fetched = resolved(models.downloads)
    if not entry.origin or not entry.path.is_relative_to(fetched):
        return f"its files stay at '{entry.path}'"
    shutil.rmtree(fetched / entry.path.relative_to(fetched).parts[0], ignore_errors=True)
    return "its files, which the studio had fetched, are deleted"
