"""What another tool's metadata says, struck off as it finds a place here, so that nothing is passed over."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from studio.errors import InputError
from studio.record.fitting import fitted_to, form_of, shown
from studio.record.foreign import Asset, Foreign, Left
from studio.record.wording import LONGEST, plain

_LONGEST: Final = 8_000_000
_MOST: Final = 1_000
_STRANGE: Final = "the studio has no such setting"
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_NUMBER: Final = re.compile(r"\s*[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})\s*")
_HASH: Final = re.compile(r"((blake3|md5):)?[0-9a-f]{8,128}")
_OF_NOTHING: Final = "e3b0c44298fc"
"""How the SHA-256 of no bytes begins: tools write it where a file could not be read."""

SAYS_NOTHING: Final = frozenset(
    {
        # who wrote the file, when and how fast
        "app_version", "created_by", "date", "donotsave", "generation_time", "generator", "Generation time",
        "hide_debug_overlay", "imageformat", "metadata_scheme", "nopreviews", "prep_time", "request_type", "schema",
        "signed_hash", "Software", "swarm_version", "Title", "version",
        # what is said better elsewhere in the same file, or is about other pictures of the same run
        "aspectratio", "automaticvae", "Description", "images", "n_samples", "sidelength",
    }
)  # fmt: skip
"""Settings of all tools that never say how a picture looks, and so are not listed as left."""


class Told:
    """Settings by the names they have in a tool, of which a reader takes one after the other.

    ``foreign`` makes what was taken into a Foreign, and lists as left what no form takes and what nobody took, but for
    SAYS_NOTHING, what is off or empty (null, false, "", [], {}), and what has the value that ``usual`` gives it: those
    ask for nothing. ``why`` gives reasons by name for what has no place here.
    """

    def __init__(
        self, tool: str, said: Mapping[str, Any], why: Mapping[str, str] = _NONE, usual: Mapping[str, Any] = _NONE
    ) -> None:
        if len(said) > _MOST:
            raise InputError(f"these are over {_MOST:,} settings; no {tool} writes that many")
        self._tool = tool
        self._said = dict(said)
        self._why, self._usual = why, usual
        self._values: dict[str, Any] = {}
        self._called: dict[str, str] = {}
        self._assets: list[Asset] = []
        self._left: list[Left] = []

    def __contains__(self, name: str) -> bool:
        return not _off(self._said.get(name))

    def take(self, name: str) -> Any:
        """A setting, from now on the reader's to find a place for; None where there is none."""
        return self._said.pop(name, None)

    def peek(self, name: str) -> Any:
        """A setting that stays where it is; None where there is none."""
        return self._said.get(name)

    def names(self) -> list[str]:
        """What nobody took yet."""
        return list(self._said)

    def add(self, said: Mapping[str, Any]) -> None:
        """More settings, from within one that was taken."""
        self._said |= said

    def put(self, ours: str, value: Any, name: str) -> None:
        """A value for an input of ours, which is called ``name`` there."""
        self._values[ours] = value
        self._called[ours] = name

    def move(self, name: str, ours: str, read: Callable[[Any], Any]) -> None:
        """A setting to an input of ours, as ``read`` gives it; left with the reason where that raises ValueError."""
        value = self.take(name)
        if value is not None:
            with _Leaving(self, name, value):
                self.put(ours, read(value), name)

    def size(self, width: str, height: str) -> None:
        """Two settings as our size."""
        sides = self.take(width), self.take(height)
        if sides != (None, None):
            name, value = f"{width}, {height}", list(sides)
            with _Leaving(self, name, value):
                self.put("size", "x".join(f"{number(side):g}" for side in sides), name)

    def say(self, name: str, ours: str, dialect: Callable[[str], str]) -> None:
        """A prompt in our grammar; where ``dialect`` raises ValueError its plain words, and the reason is left."""
        value = self._said.get(name)
        if not isinstance(value, str) or len(value) > LONGEST:
            self.move(name, ours, text)  # no form takes that either, and says why
            return
        self.take(name)
        try:
            self.put(ours, dialect(value), name)
        except ValueError as error:
            self.put(ours, plain(value), name)
            self.leave(name, value, f"{error}; its words are taken as they are, without weights")

    def use(self, name: str, read: Callable[[Any], Iterable[Asset]]) -> None:
        """The files that a setting names, as ``read`` gives them; left with the reason where that raises ValueError."""
        value = self.take(name)
        if not _off(value):
            with _Leaving(self, name, value):
                self._assets += list(read(value))

    def leave(self, name: str, value: Any, why: str) -> None:
        """Something that finds no place here."""
        self._left.append(Left(shown(name), shown(value), why))

    def foreign(self, workflow: str = "text-to-image") -> Foreign:
        """All of it."""
        values, misfits = fitted_to(form_of(workflow), self._values, self._called)
        for name, value in self._said.items():
            if name not in SAYS_NOTHING and not _off(value) and not _same(value, self._usual.get(name)):
                self.leave(name, value, self._why.get(name, _STRANGE))
        return Foreign(self._tool, workflow, None, values, tuple(self._assets), (*misfits, *self._left))


class _Leaving:
    """Leaves a setting with the reason where the block raises ValueError."""

    def __init__(self, told: Told, name: str, value: Any) -> None:
        self._told, self._name, self._value = told, name, value

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, ValueError):
            return False
        self._told.leave(self._name, self._value, str(error))
        return True


def _off(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def _same(value: Any, usual: Any) -> bool:
    """Whether a setting has its usual value, numbers as exactly as four bytes hold them."""
    if isinstance(value, int | float) and isinstance(usual, int | float):
        return math.isclose(_float(value), usual, rel_tol=1e-6)
    return usual is not None and bool(value == usual)


def loaded(text: str, tool: str) -> dict[str, Any]:
    """A JSON object. Raises InputError where the text is none, or is over 8 million letters."""
    try:
        data = json.loads(text) if len(text) <= _LONGEST else None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise InputError(f"the settings that {tool} wrote into this file are damaged; take another copy of it")
    return data


def flat(data: Mapping[str, Any], depth: int = 4) -> Iterator[tuple[str, Any]]:
    """Settings within settings by names with dots: {"a": {"b": 1}} as "a.b"."""
    for name, value in data.items():
        if isinstance(value, dict) and depth:
            yield from ((f"{name}.{inner}", item) for inner, item in flat(value, depth - 1))
        else:
            yield name, value


def number(value: Any) -> int | float:
    """A number, also from its text. Raises ValueError for anything else, NaN and infinity too."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(_float(value)):
        raise ValueError("this is not a number")
    return value


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def text(value: Any) -> str:
    """Text. Raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError("this is not text")
    return value


def items(value: Any) -> list[Any]:
    """A list of at most a hundred things. Raises ValueError for anything else."""
    if not isinstance(value, list) or len(value) > 100:
        raise ValueError("this is not a list of at most 100")
    return value


def asset(kind: str, name: Any, *hashes: Any, weight: Any = 1.0, text: Any = None) -> Asset:
    """A file that was used; raises ValueError where its name is no text or a weight none that a LoRA may have."""
    if not isinstance(name, str) or not 0 < len(name) <= 300 or not name.isprintable():
        raise ValueError("this names no file")
    known = tuple(dict.fromkeys(filter(None, map(_hash, hashes))))
    return Asset(kind, name, known, _weight(weight), None if text is None else _weight(text))


def _weight(value: Any) -> float:
    weight = float(number(value))
    if abs(weight) > 10:
        raise ValueError(f"a LoRA's weight is -10 to 10, not {weight:g}")
    return weight


def _hash(value: Any) -> str:
    """A hash in hex, with its kind before it where that is not SHA-256; empty where it is none."""
    written = value.lower().removeprefix("0x").removeprefix("sha256:") if isinstance(value, str) else ""
    return written if _HASH.fullmatch(written) and not written.startswith(_OF_NOTHING) else ""
