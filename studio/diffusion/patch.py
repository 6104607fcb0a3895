"""Replace a method of an object for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Method = Callable[..., Any]


@contextmanager
def patched(module: Any, name: str, around: Callable[[Method], Method]) -> Iterator[None]:
    """While inside, ``module`` has the method that ``around`` makes of its own; afterwards its own again."""
    own, hooked = getattr(module, name), name in vars(module)  # offloading keeps a forward of its own there
    setattr(module, name, around(own))
    try:
        yield
    finally:
        if hooked:
            setattr(module, name, own)
        else:
            delattr(module, name)
