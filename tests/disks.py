"""Disks that have no hard links, or no rename that refuses a taken name, as far as a process sees them."""

import os
from collections.abc import Callable
from errno import EINVAL, ENOSYS, EOPNOTSUPP, EPERM
from typing import Any, Final

from studio.files import no_overwrite

KINDS: Final = {
    "links": (0, 0),
    "a rename that refuses": (EPERM, 0),
    "neither": (EOPNOTSUPP, EINVAL),
    "an old system": (EPERM, ENOSYS),
}
"""What ``link`` and ``renameat2`` answer; 0 where they do as they are told."""


def use(kind: str, patch: Callable[[Any, str, Any], None] = setattr) -> None:
    """From now on every disk is of that kind."""
    for module, name, number in zip((os, no_overwrite), ("link", "_rename"), KINDS[kind], strict=True):
        if number:
            patch(module, name, refusing(number))


def refusing(number: int) -> Callable[..., None]:
    """A call that fails with this error."""

    def refused(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    return refused
