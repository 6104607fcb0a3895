"""``studio doctor``: checks this machine and says how to fix what is wrong."""

import os
import platform
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from studio.cli.code_page import is_limited
from studio.cli.terminal import say
from studio.config import Settings
from studio.errors import StudioError
from studio.library import Library
from studio.models.model_index import ModelIndex
from studio.pictures.publish import check_folder

_LOW_DISK: Final = 10**9  # bytes


class Diagnosis(NamedTuple):
    """One line of the report; ``advice`` is empty if nothing is wrong."""

    what: str
    found: str
    advice: str = ""


def doctor() -> int:
    """Check this machine and say how to fix what is wrong. Exit code 1 means that something is."""
    code = 0
    for finding in findings():
        mark = "!!" if finding.advice else "ok"
        say(f"{mark}  {finding.what:12} {finding.found}")
        if finding.advice:
            code = 1
            say(f"    {'':12} → {finding.advice}")
    return code


def findings() -> Iterator[Diagnosis]:
    """Run one check after another."""
    from studio.tensors import hardware

    yield _python()
    yield Diagnosis("torch", *hardware.torch_build())
    yield Diagnosis("device", *hardware.device())
    yield Diagnosis("memory", *hardware.memory())
    yield Diagnosis("torchvision", *hardware.torchvision())
    yield _network()
    yield _terminal()
    try:
        settings = Settings.from_environment()
    except StudioError as error:
        yield Diagnosis("settings", "cannot be used", str(error))
        return
    yield _folder("pictures", settings.output, "STUDIO_OUTPUT")
    yield _folder("state", settings.state, "STUDIO_STATE")
    library = Library.of(settings)
    yield Diagnosis("parts", f"{library.parts}, for LoRAs, ControlNets, embeddings and VAEs")
    yield from _models(library.models)


def _python() -> Diagnosis:
    old = sys.version_info < (3, 11)
    return Diagnosis("python", platform.python_version(), "install Python 3.11 or newer" if old else "")


def _network() -> Diagnosis:
    online = os.environ.get("HF_HUB_OFFLINE") == "0"
    return Diagnosis(
        "network",
        "HF_HUB_OFFLINE=0: models may be looked up on the Hub" if online else "offline: nothing leaves this machine",
    )


def _folder(what: str, folder: Path, setting: str) -> Diagnosis:
    """Check a folder that is written to, or the nearest parent that exists."""
    another = f"set {setting} to a folder on another disk"
    existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    try:
        check_folder(existing)
        free = shutil.disk_usage(existing).free
    except (StudioError, OSError) as error:
        return Diagnosis(what, str(folder), f"{str(error).partition(';')[0]}; {another}")
    found = f"{folder}, {free / 1e9:.1f} GB free"
    if free < _LOW_DISK:
        return Diagnosis(what, found, f"free some space, or {another}")
    return Diagnosis(what, found)


def _terminal() -> Diagnosis:
    """An encoding that lacks some characters is not a fault, but then paths are not printed as they are."""
    found = f"prints {sys.stdout.encoding or 'utf-8'}"
    return Diagnosis("terminal", f"{found}; characters it lacks are escaped" if is_limited(sys.stdout) else found)


def _models(models: ModelIndex) -> Iterator[Diagnosis]:
    """Count the models of each family, and report each model that cannot be used."""
    names, families = models.names(), Counter[str]()
    for name in names:
        try:
            families[models.find(name).family.title] += 1
        except StudioError as error:
            yield Diagnosis("model", name, str(error))
    if "spark" not in names:
        yield Diagnosis("model", "spark", "install the studio again: the model that comes with it is missing")
    yield Diagnosis("models", ", ".join(f"{many} {family}" for family, many in families.most_common()) or "none")
