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

_LAST: Final = "a1111"  # many tools also write A1111's text, and their own says more


def read(path: Path) -> ImportedSettings | None:
    """The settings of another tool in a picture, or in a JSON or text file; None if there are none.

    Raises InputError if the file cannot be read, or the settings are damaged.
    """
    return read_metadata(extract_metadata(path))


def read_metadata(metadata: EmbeddedMetadata) -> ImportedSettings | None:
    """The same for extracted metadata; None for one of our pictures, which contains its job."""
    problems = list[InputError]()
    if "studio" in metadata.texts:
        return None
    for found in _results(metadata, problems):
        return found
    if problems:
        raise problems[0]
    return None


def names() -> list[str]:
    """The formats in the order in which they are tried."""
    return sorted((module.name for module in iter_modules(__path__)), key=lambda name: (name == _LAST, name))


def _results(metadata: EmbeddedMetadata, problems: list[InputError]) -> Iterator[ImportedSettings]:
    """The results of all formats; if one is damaged, another may still be good enough."""
    for name in names():
        try:
            found = import_module(f"{__name__}.{name}").read(metadata)
        except InputError as error:
            problems.append(error)
        else:
            yield from [found] if found else []
