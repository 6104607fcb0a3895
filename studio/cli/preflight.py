"""Checks before a server starts that the folders of pictures and state can be written."""

from pathlib import Path

from studio.config import Settings
from studio.pictures.publish import check_folder


def check_state(settings: Settings) -> None:
    """Raise OutputError if the folder of the queue and the gallery cannot be written."""
    _check(settings.state, "STUDIO_STATE")


def check_output(settings: Settings) -> None:
    """Raise OutputError if the folder of the pictures cannot be written."""
    _check(settings.output, "STUDIO_OUTPUT")


def _check(folder: Path, setting: str) -> None:
    check_folder(folder, f"set {setting} to a folder that can be written")
