"""Putting models on the shelf and taking them off; their files stay where they are."""

import shutil
from pathlib import Path

import regex

from studio.errors import InputError
from studio.models import elsewhere, library, registry
from studio.models.card import ModelCard
from studio.models.hashes import Pin, problems
from studio.models.registry import Entry, Origin
from studio.plugins import unknown
from studio.untrusted.files import is_file, is_folder, resolved


def add(path: Path, name: str = "", base: str = "", origin: Origin | None = None) -> ModelCard:
    """Add a model, a diffusers folder or a weight file, under a name, its files pinned by their SHA-256.

    ``base`` is a model, by name or folder, that has what a single file lacks; with one, the file may be added
    once more. Raises ModelError where it is no model that may be used, InputError for a name that is taken or
    cannot be one.
    """
    path = resolved(path)
    other = _base(base) if base else None
    card = ModelCard.read(path, other)
    name = name or card.name
    if not (other and _is_there(name, path)):
        free_name(name)
    card.check()
    pins = {"" if file == path else file.relative_to(path).as_posix(): Pin.of(file) for file in card.files()}
    with registry.changing() as known:
        known.models[name] = Entry(path=path, pins=pins, base=other, origin=origin)
    return library.find(name)


def free_name(name: str) -> str:
    """The name as it is; raises InputError where it is taken, or cannot be one."""
    if not regex.fullmatch(r"[\w][\w .+()-]{0,99}", name) or name != name.strip():
        raise InputError(f"'{name}' cannot be a model's name; use letters, digits, spaces and . - + ( ), with --name")
    if name in library.names():
        raise InputError(f"there is a model '{name}' already; choose another name with --name")
    return name


def add_folder(folder: Path) -> None:
    """Use the models in the folder of another program where they lie."""
    with registry.changing() as known:
        known.folders = list(dict.fromkeys([*known.folders, resolved(folder)]))


def is_model(path: Path) -> bool:
    """Whether a path is one model rather than a folder of several."""
    return is_file(path) or is_file(path / "model_index.json")


def remove(ref: str) -> str:
    """Take a model, or the folder of another program, off the shelf; say what became of the files.

    Deleted is only what the studio fetched itself. Raises InputError where there is no such thing.
    """
    with registry.changing() as known:
        if entry := known.models.pop(ref, None):
            return _deleted(entry)
        if (folder := resolved(Path(ref))) in known.folders:
            known.folders.remove(folder)
            return f"its models stay in '{folder}'"
        if home := next((folder for folder in known.folders if ref in elsewhere.files(folder)), None):
            raise InputError(f"'{ref}' lies in the folder '{home}'; remove that: studio models remove {home}")
        raise InputError(unknown("added model", ref, [*known.models, *map(str, known.folders)]))


def verify(name: str) -> list[str]:
    """Read every byte of a model anew and say what is not as it was added, one line for each file.

    A model that was not added, and so is not pinned, is only looked through. Raises ModelError where it is damaged.
    """
    entry = registry.read().models.get(name)
    found = list(problems(entry.path, entry.pins, thorough=True)) if entry else []
    if entry and not found:
        _stamp_anew(name)
    if not found:
        library.find(name).check()
    return found


def _stamp_anew(name: str) -> None:
    """What was read and found right need not be read again, though it may have been copied or touched."""
    with registry.changing() as known:
        entry = known.models[name]
        pins = {file: Pin.of(entry.path / file) for file in entry.pins}
        known.models[name] = entry.model_copy(update={"pins": pins})


def _is_there(name: str, path: Path) -> bool:
    known = registry.read().models.get(name)
    return known is not None and known.path == path


def _base(ref: str) -> Path:
    card = library.find(ref)
    if not is_folder(card.path):
        raise InputError(f"'{ref}' cannot be a base: it is a single file; give a model in a diffusers folder")
    return resolved(card.path)


def _deleted(entry: Entry) -> str:
    fetched = resolved(registry.downloads())
    if not entry.origin or not entry.path.is_relative_to(fetched):
        return f"its files stay at '{entry.path}'"
    shutil.rmtree(fetched / entry.path.relative_to(fetched).parts[0], ignore_errors=True)
    return "its files, which the studio had fetched, are deleted"
