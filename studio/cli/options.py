"""Options that several commands have."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from studio.errors import InputError

SetOption = Annotated[tuple[str, ...], Parameter(name="--set", negative="")]
JsonOption = Annotated[bool, Parameter(name="--json", negative="")]


def read_settings(settings: Sequence[str]) -> dict[str, str]:
    """Inputs and their values, each written as "name=value"; raises InputError for anything else."""
    pairs = [setting.partition("=") for setting in settings]
    if wrong := next((name for name, found, _ in pairs if not (found and name)), None):
        raise InputError(f"'{wrong}' has no value; write it as name=value, for example steps=30")
    return {name.strip().replace("-", "_"): value.strip() for name, _, value in pairs}
