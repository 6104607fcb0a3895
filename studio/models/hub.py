"""Models from the Hub, only when the user asks for one: what there is to download, and the download.

All network access happens in ``hub_download``, which is run as a separate process; this one stays offline.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from studio.errors import InputError, ModelError
from studio.files import private
from studio.models import folder as folders

FETCHED: Final = (".safetensors", ".gguf", ".json", ".txt", ".jinja")
"""Suffixes of the files that are downloaded; no others are, in particular no code and no pickles.

A .jinja file is the prompt template of a chat model; transformers renders it in a sandbox.
"""

_WEIGHTS: Final = (".safetensors", ".gguf")
_REFERENCE = re.compile(r"(?P<repository>[\w][\w.-]*/[\w][\w.-]*)(/(?P<file>[\w.+ -]+\.(safetensors|gguf)))?")
_SAFE = re.compile(r"([\w][\w.-]*/)?[\w][\w.+ -]*")


class RemoteFile(BaseModel):
    """A file to download: its name in the repository, its size in bytes."""

    model_config = ConfigDict(frozen=True)
    name: str
    size: int


class Offer(BaseModel):
    """What would be downloaded: from which host and repository, at which commit, under which claimed licence."""

    model_config = ConfigDict(frozen=True)
    host: str
    repository: str
    commit: str
    licence: str
    files: list[RemoteFile]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


def is_reference(ref: str) -> bool:
    """Whether this can be a repository: "owner/name", or "owner/name/FILE.safetensors", or FILE.gguf."""
    found = _REFERENCE.fullmatch(ref)
    return found is not None and not found["repository"].endswith(_WEIGHTS)


def host() -> str:
    """The host of the Hub."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").partition("://")[2].strip("/")


def look(ref: str, revision: str = "main") -> Offer:
    """Ask the Hub for the files of a repository; the revision is resolved to a commit.

    Raises InputError where the user has disabled network access, ModelError where there is nothing
    to download.
    """
    found = _REFERENCE.fullmatch(ref)
    if not found:
        raise InputError(f"'{ref}' is not a repository; write owner/name, or owner/name/FILE.safetensors")
    wish = {"repository": found["repository"], "file": found["file"] or "", "revision": revision}
    return Offer.model_validate(_ask("look", wish))


def fetch(offer: Offer, downloads: Path) -> Path:
    """Download an offer into a folder, resuming an interrupted download; returns the folder or file.

    Progress is shown on stderr. Raises ModelError where it is interrupted or a file is damaged on the way.
    """
    folder = downloads / offer.repository.replace("/", "--")
    free = shutil.disk_usage(next(place for place in folder.parents if place.exists())).free
    if offer.size > free:
        raise ModelError(f"{offer.size:,} bytes must be downloaded, but only {free:,} are free at '{folder}'")
    with suppress(OSError):  # the download reports what is wrong
        private.folder(downloads)
    _ask("fetch", {"offer": offer.model_dump(), "folder": str(folder)})
    single = len(offer.files) == 1
    return folder / offer.files[0].name if single else folder


def chosen(names: Collection[str], components: Collection[str], file: str) -> list[str]:
    """The files of a repository to download: a named one, those of a diffusers folder, or the only one.

    Of weights in several precisions those without a variant are chosen, or else the best ones of a component. Raises
    ModelError where it is not clear.
    """
    usable = sorted(name for name in names if name.endswith(FETCHED) and _SAFE.fullmatch(name))
    if file:
        return [file] if file in usable else _nothing(f"it has no file '{file}'", usable)
    if "model_index.json" in usable:
        parts = [name for name in usable if name.partition("/")[0] in components]
        return ["model_index.json", *_of_one_precision(parts)]
    single = [name for name in usable if name.endswith(_WEIGHTS) and "/" not in name]
    return single if len(single) == 1 else _nothing("it is not a diffusers folder", single)


def _of_one_precision(names: list[str]) -> Iterator[str]:
    """The files of each component without the weights that exist in a better precision."""
    for _, files in groupby(sorted(names), lambda name: name.partition("/")[0]):
        there = list(files)
        best = folders.best(there)
        yield from (name for name in there if folders.precision(name) in {"", best})


def _nothing(why: str, files: list[str]) -> list[str]:
    single = [name for name in files if name.endswith(_WEIGHTS) and "/" not in name]
    mend = f"name one of its files: owner/name/{single[0]}" if single else "it holds no weight files at its top"
    raise ModelError(f"it is not clear what to download from the repository: {why}; {mend}")


def _ask(verb: str, wish: Mapping[str, Any]) -> Any:
    """Run the process that may access the network; it answers in JSON."""
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "ON", "YES", "TRUE"}:
        raise InputError("HF_HUB_OFFLINE is set, so nothing is downloaded; unset it to download models from the Hub")
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "studio.models.hub_download", verb]
    done = subprocess.run(  # noqa: S603
        command, input=json.dumps(wish), stdout=subprocess.PIPE, text=True, env=environment, check=False
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise ModelError(f"the download from {host()} was interrupted; the same command resumes it") from None
    if "error" in answer:
        raise ModelError(answer["error"])
    return answer["done"]
