"""``studio doctor``: what this machine has, what is missing, and what to do about it."""

import os
import platform
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from studio.cli.code_page import lacking
from studio.cli.terminal import say
from studio.config import Settings
from studio.errors import StudioError
from studio.library import Library
from studio.models.model_index import ModelIndex
from studio.pictures.publish import check_folder

_LITTLE: Final = 10**9  # bytes of a disk


class Finding(NamedTuple):
    """One line of the report; ``advice`` is empty where all is well."""

    what: str
    found: str
    advice: str = ""


def report() -> bool:
    """Print every finding; True where something needs mending."""
    trouble = False
    for finding in findings():
        mark = "!!" if finding.advice else "ok"
        say(f"{mark}  {finding.what:12} {finding.found}")
        if finding.advice:
            trouble = True
            say(f"    {'':12} → {finding.advice}")
    return trouble


def findings() -> Iterator[Finding]:
    """Look at one thing after another."""
    from studio.tensors import hardware

    yield _python()
    yield Finding("torch", *hardware.torch_build())
    yield Finding("device", *hardware.device())
    yield Finding("memory", *hardware.memory())
    yield Finding("torchvision", *hardware.torchvision())
    yield _network()
    yield _terminal()
    try:
        settings = Settings.from_environment()
    except StudioError as error:
        yield Finding("settings", "cannot be used", str(error))
        return
    yield _folder("pictures", settings.output, "STUDIO_OUTPUT")
    yield _folder("state", settings.state, "STUDIO_STATE")
    library = Library.of(settings)
    yield Finding("parts", f"{library.parts}, for LoRAs, ControlNets and other parts of models")
    yield from _models(library.models)


def _python() -> Finding:
    old = sys.version_info < (3, 11)
    return Finding("python", platform.python_version(), "install Python 3.11 or newer" if old else "")


def _network() -> Finding:
    online = os.environ.get("HF_HUB_OFFLINE") == "0"
    return Finding(
        "network",
        "HF_HUB_OFFLINE=0: models may be looked up on the Hub" if online else "offline: nothing leaves this machine",
    )


def _folder(what: str, folder: Path, setting: str) -> Finding:
    """A folder that is written to, or the one it would be made in."""
    another = f"set {setting} to a folder on another disk"
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    try:
        check_folder(there)
        free = shutil.disk_usage(there).free
    except (StudioError, OSError) as error:
        return Finding(what, str(folder), f"{str(error).partition(';')[0]}; {another}")
    found = f"{folder}, {free / 1e9:.1f} GB free"
    if free < _LITTLE:
        return Finding(what, found, f"make room, or {another}")
    return Finding(what, found)


def _terminal() -> Finding:
    """A code page that lacks letters is no trouble, but paths are not printed as they are."""
    found = f"prints {sys.stdout.encoding or 'utf-8'}"
    return Finding("terminal", f"{found}; letters it lacks are escaped" if lacking(sys.stdout) else found)


def _models(models: ModelIndex) -> Iterator[Finding]:
    """How many there are of each family, and each that cannot be used."""
    names, families = models.names(), Counter[str]()
    for name in names:
        try:
            families[models.find(name).family.title] += 1
        except StudioError as error:
            yield Finding("model", name, str(error))
    if "spark" not in names:
        yield Finding("model", "spark", "install the studio again: the model that comes with it is missing")
    yield Finding("models", ", ".join(f"{many} {family}" for family, many in families.most_common()) or "none")
