"""Metadata of other tools, one file a format.

Each module has ``TOOL``, what the tool is called, and ``read(carried) -> Foreign | None``: None where the words are not
of its kind, InputError where they are and cannot be used.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

from studio.errors import InputError
from studio.imports.imported_settings import Foreign
from studio.imports.metadata_extract import Carried, carried

_LAST: Final = "a1111"  # many tools write its text besides their own, which says more


def read(path: Path) -> Foreign | None:
    """What another tool says in a picture, or in a JSON or text file; None where there is nothing of the kind.

    Raises InputError where the file cannot be read, or what it says is broken.
    """
    return read_from(carried(path))


def read_from(said: Carried) -> Foreign | None:
    """The same of a file's words; of a picture of the studio's own nothing, as it carries its job."""
    problems = list[InputError]()
    if "studio" in said.texts:
        return None
    for found in _tried(said, problems):
        return found
    if problems:
        raise problems[0]
    return None


def names() -> list[str]:
    """The formats in the order in which they are tried."""
    return sorted((module.name for module in iter_modules(__path__)), key=lambda name: (name == _LAST, name))


def _tried(said: Carried, problems: list[InputError]) -> Iterator[Foreign]:
    """What each of the formats reads; where one is broken, another may still say enough."""
    for name in names():
        try:
            found = import_module(f"{__name__}.{name}").read(said)
        except InputError as error:
            problems.append(error)
        else:
            yield from [found] if found else []
