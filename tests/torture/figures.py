"""What a torture found, and whether it holds."""

import time
from pathlib import Path

from PIL import Image

FEW = 20  # of what should not be there, that are shown


class Figures:
    """Prints each figure as it is told; ``broken`` are those that do not hold."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self._began = time.monotonic()

    def tell(self, name: str, value: object, *, bound: object = None, holds: bool = True) -> None:
        """One figure, with the bound it must keep where it has one."""
        wanted = "" if bound is None else f" (must be {bound})"
        print(f"{'ok  ' if holds else 'FAIL'} {name}: {value}{wanted}", flush=True)
        if not holds:
            self.broken.append(name)

    def none(self, name: str, found: object) -> None:
        """A figure that must be nothing: 0, or an empty collection."""
        few = list(found)[:FEW] if isinstance(found, list | set) else ""
        count = len(found) if isinstance(found, list | set) else found
        self.tell(name, f"{count} {few or ''}".strip(), bound=0, holds=not found)

    def most(self, name: str, value: float, most: float, unit: str = "") -> None:
        """A figure with an upper bound."""
        self.tell(name, f"{value:.4g} {unit}".strip(), bound=f"at most {most:g} {unit}".strip(), holds=value <= most)

    def end(self) -> int:
        """The exit code."""
        print(f"{time.monotonic() - self._began:.0f} s", flush=True)
        return 1 if self.broken else 0


def torn(paths: list[Path]) -> list[str]:
    """Those of the pictures that cannot be read to their last pixel."""
    return [str(path) for path in paths if not _whole(path)]


def _whole(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
        return "studio" in image.info
    except Exception:
        return False
