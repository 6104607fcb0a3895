"""Metadata formats of other tools, one module per format.

Each module has ``TOOL``, the name of the tool, and ``read(metadata) -> ImportedSettings | None``. It returns None for
metadata of another format, and raises InputError for its own that is damaged.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

from studio.errors import InputError
from studio.imports.imported_settings import ImportedSettings
from studio.imports.metadata_extract import EmbeddedMetadata, extract_metadata

_LAST: Final = "a1111"  # many tools write its text besides their own, which says more


def read(path: Path) -> ImportedSettings | None:
    """What another tool says in a picture, or in a JSON or text file; None where there is nothing of the kind.

    Raises InputError where the file cannot be read, or what it says is broken.
    """
    return read_metadata(extract_metadata(path))


def read_metadata(said: EmbeddedMetadata) -> ImportedSettings | None:
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


def _tried(said: EmbeddedMetadata, problems: list[InputError]) -> Iterator[ImportedSettings]:
    """What each of the formats reads; where one is broken, another may still say enough."""
    for name in names():
        try:
            found = import_module(f"{__name__}.{name}").read(said)
        except InputError as error:
            problems.append(error)
        else:
            yield from [found] if found else []
