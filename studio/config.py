"""Where the studio keeps and finds things; decided once, then frozen."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_data_path

from studio.errors import InputError
from studio.files import private


def shipped(kind: str) -> Path:
    """The folder ``kind`` ("assets" or "workflows") that came with the studio.

    Inside an installed wheel it lies in the package, in a checkout beside it.
    """
    package = Path(__file__).resolve().parent
    inside = package / kind
    return inside if inside.is_dir() else package.parent / kind


def state_path() -> Path:
    """The user's folder for what the studio remembers; raises InputError where the user has no home."""
    try:
        return private.default_state()
    except RuntimeError:  # platformdirs' word for a user without a home
        raise InputError("this user has no home folder; set HOME, or STUDIO_STATE, to a folder") from None


def data_path(kind: str, state: Path) -> Path:
    """The user's folder for files of a kind ("wildcards", "parts"), in the state folder for a user without a home."""
    try:
        return user_data_path("studio-diffusion") / kind
    except RuntimeError:
        return state / kind


def memory(text: str) -> int:
    """Bytes, from "6GB" or "512 MB", where a GB is 2**30 bytes as with graphics cards.

    Raises InputError for anything else.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([gm])i?b?", text.strip().lower())
    if not found or not float(found[1]):
        raise InputError(f"'{text}' is no amount of memory; write it as 6GB or 512MB")
    return int(float(found[1]) * 2 ** {"g": 30, "m": 20}[found[2]])


@dataclass(frozen=True)
class Settings:
    """Choices about the machine, not about a picture.

    ``output`` is where pictures go, ``device`` a torch device or "auto" for the best there is,
    ``batch`` how many pictures share a forward pass at most, fewer where memory is short: 1 repeats bit for bit, more
    is faster.
    ``state`` is where the queue, the list of models and all caches are kept. ``parts`` is the folder of LoRAs,
    ControlNets and other adapters, ``wildcards`` that of the files that ``__name__`` in a prompt draws from; None is
    the user's own folder.
    ``vram`` is how many bytes of the device's memory models may take, None for all that is free.
    """

    output: Path = field(default_factory=lambda: Path("pictures"))
    device: str = "auto"
    batch: int = 1
    state: Path = field(default_factory=state_path)
    parts: Path | None = None
    wildcards: Path | None = None
    vram: int | None = None

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read STUDIO_OUTPUT, STUDIO_DEVICE, STUDIO_BATCH, STUDIO_STATE, STUDIO_PARTS, STUDIO_WILDCARDS, STUDIO_VRAM.

        What is unset keeps its default. Nothing else in the studio reads these variables: whoever needs settings is
        given them.
        """
        batch = os.environ.get("STUDIO_BATCH", "1")
        if not batch.isdecimal() or int(batch) < 1:
            raise InputError(f"STUDIO_BATCH must be a whole number from 1 on, not '{batch}'")
        return cls(
            output=Path(os.environ.get("STUDIO_OUTPUT", "pictures")),
            device=os.environ.get("STUDIO_DEVICE", "auto"),
            batch=int(batch),
            state=Path(os.environ.get("STUDIO_STATE") or state_path()),
            parts=_folder("STUDIO_PARTS"),
            wildcards=_folder("STUDIO_WILDCARDS"),
            vram=memory(os.environ["STUDIO_VRAM"]) if os.environ.get("STUDIO_VRAM") else None,
        )


def _folder(variable: str) -> Path | None:
    return Path(os.environ[variable]) if os.environ.get(variable) else None
