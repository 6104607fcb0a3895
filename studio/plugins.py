"""Finds steps, model families and other plug-ins by name.

The file name is the registry: ``studio/steps/edit.py`` is the step "edit". Installed packages add more through entry
points of the group ``studio.<kind>``. Built-in names take precedence.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from types import ModuleType

from studio.errors import InputError

_LONGEST = 100  # letters of a name in a message


def names(kind: str) -> list[str]:
    """All names of a ``kind`` ("steps", "families"), sorted."""
    return sorted({*_built_in(kind), *_installed(kind)})


def find(kind: str, name: str) -> ModuleType:
    """The module behind a name.

    Raises InputError that lists the known names if there is no such plug-in.
    """
    if name in _built_in(kind):
        return import_module(f"studio.{kind}.{name}")
    if entry := _installed(kind).get(name):
        module: ModuleType = entry.load()
        return module
    raise InputError(unknown(_SINGULAR.get(kind, kind), name, names(kind)))


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """One line for an unknown name, with the closest known one, or all of them."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}"
    shown = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
    return f"there is no {what} '{shown}'; {hint}"


_SINGULAR = {"steps": "step", "families": "model family"}


@cache
def _installed(kind: str) -> dict[str, EntryPoint]:
    """The entry points of installed packages; reading them takes a twentieth of a second."""
    return {entry.name: entry for entry in entry_points(group=f"studio.{kind}")}


@cache
def _built_in(kind: str) -> list[str]:
    package = import_module(f"studio.{kind}")
    modules = iter_modules(package.__path__)
    return [module.name for module in modules if not module.ispkg and not module.name.startswith("_")]
