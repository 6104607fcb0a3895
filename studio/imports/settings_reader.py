"""Reads another tool's settings one by one and keeps track of the rest, so that none is lost without notice."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

from studio.errors import InputError
from studio.imports.imported_settings import Asset, ImportedSettings, SkippedSetting
from studio.imports.json_validators import as_float, integer, number, text
from studio.imports.prompt_dialects import LONGEST, escape
from studio.imports.settings_mapping import fit_to_form, form_of, shown

_MOST, _LONGEST_NAME = 1_000, 80
_STRANGE: Final = "the studio has no such setting"
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})

IRRELEVANT: Final = frozenset(
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


class SettingsReader:
    """The settings of a tool by its names for them, which a format's reader takes one after the other.

    ``result`` returns what was taken. Settings that nobody took, or that the workflow's form refuses, are listed as
    skipped, with the reason that ``why`` has for their names. Not listed are those in IRRELEVANT, those that are off or
    empty (null, false, "", [], {}), and those with their value in ``defaults``: they have no effect.
    """

    def __init__(
        self, tool: str, said: Mapping[str, Any], why: Mapping[str, str] = _NONE, defaults: Mapping[str, Any] = _NONE
    ) -> None:
        if len(said) > _MOST:
            raise InputError(f"these are over {_MOST:,} settings; no {tool} writes that many")
        self._tool = tool
        self._settings = dict(said)
        self._why, self._defaults = why, defaults
        self._values: dict[str, Any] = {}
        self._source: dict[str, tuple[str, Any]] = {}
        self._assets: list[Asset] = []
        self._skipped: list[SkippedSetting] = []
        self._clip_skip: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return not _off(self._settings.get(name))

    def take(self, name: str) -> Any:
        """A setting, from now on the reader's to find a place for; None where there is none."""
        return self._settings.pop(name, None)

    def peek(self, name: str) -> Any:
        """A setting that stays where it is; None where there is none."""
        return self._settings.get(name)

    def names(self) -> list[str]:
        """What nobody took yet."""
        return list(self._settings)

    def add(self, said: Mapping[str, Any]) -> None:
        """More settings, from within one that was taken."""
        self._settings |= said

    def put(self, ours: str, value: Any, name: str, said: Any) -> None:
        """A value for an input of ours, which is called ``name`` there and as ``said``."""
        self._values[ours] = value
        self._source[ours] = name, said

    def move(self, name: str, ours: str, read: Callable[[Any], Any]) -> None:
        """A setting to an input of ours, as ``read`` gives it; left with the reason where that raises ValueError."""
        value = self.take(name)
        if value is not None:
            with self._skipping(name, value):
                self.put(ours, read(value), name, value)

    def clip_skip(self, name: str, read: Callable[[Any], Any] = number) -> None:
        """Which of CLIP's layers reads the prompt, as the tool counts it."""
        value = self.take(name)
        if value is not None:
            with self._skipping(name, value):
                self._clip_skip = {"clip_skip": integer(read(value))}

    def size(self, width: str, height: str) -> None:
        """Two settings as our size."""
        sides = self.take(width), self.take(height)
        if sides != (None, None):
            name, value = f"{width}, {height}", list(sides)
            with self._skipping(name, value):
                self.put("size", "x".join(f"{number(side):g}" for side in sides), name, value)

    def sampler(self, name: str, schedule: str, read: Callable[[str, str], str]) -> None:
        """A sampler and its schedule as our sampler, which is both, as ``read`` names it."""
        value, timing = self.take(name), self.take(schedule)
        if value is None and timing is not None:
            self.skip(schedule, timing, "which sampler goes by it is not said")
        elif value is not None:
            both = value if timing is None else f"{shown(value)} {shown(timing)}"
            with self._skipping(name, both):
                named, timed = text(value), text(timing or "")
                if len(named) + len(timed) > _LONGEST_NAME:
                    raise ValueError("there is no such sampler here")
                self._put_sampler(name, schedule, (named, timed), read)

    def _put_sampler(self, name: str, schedule: str, both: tuple[str, str], read: Callable[[str, str], str]) -> None:
        """Put the sampler; where it is here with other schedules alone, without the one that is said."""
        try:
            self.put("sampler", read(*both), name, " ".join(both).strip())
        except ValueError:
            if not both[1]:
                raise
            self.put("sampler", alone := read(both[0], ""), name, both[0])
            self.skip(schedule, both[1], f"'{alone}' goes by its own here")

    def prompt(self, name: str, ours: str, dialect: Callable[[str], str]) -> None:
        """A prompt in our grammar; where ``dialect`` raises ValueError its plain words, and the reason is left."""
        value = self._settings.get(name)
        if not isinstance(value, str) or len(value) > LONGEST:
            self.move(name, ours, text)  # no form takes that either, and says why
            return
        self.take(name)
        try:
            self.put(ours, dialect(value), name, value)
        except ValueError as error:
            self.put(ours, escape(value), name, value)
            self.skip(name, value, f"{error}; its words are taken as they are, without weights")

    def assets(self, name: str, read: Callable[[Any], Iterable[Asset]]) -> None:
        """The files that a setting names, as ``read`` gives them; left with the reason where that raises ValueError."""
        value = self.take(name)
        if not _off(value):
            with self._skipping(name, value):
                self._assets += list(read(value))

    def skip(self, name: str, value: Any, why: str) -> None:
        """Something that finds no place here."""
        self._skipped.append(SkippedSetting(shown(name), shown(value), why))

    @contextmanager
    def _skipping(self, name: str, value: Any) -> Iterator[None]:
        """Leave a setting with the reason where the block raises ValueError."""
        try:
            yield
        except ValueError as error:
            self.skip(name, value, str(error))

    def result(self, workflow: str = "text-to-image") -> ImportedSettings:
        """All of it."""
        values, misfits = fit_to_form(form_of(workflow), self._values)
        for misfit in misfits:
            self.skip(*self._source[misfit.name], misfit.why)
        for name, value in self._settings.items():
            if name not in IRRELEVANT and not _off(value) and not _same(value, self._defaults.get(name)):
                self.skip(name, value, self._why.get(name, _STRANGE))
        assets, left = tuple(self._assets), tuple(self._skipped)
        return ImportedSettings(self._tool, workflow, None, values, assets, left, self._clip_skip)


def _off(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def _same(value: Any, usual: Any) -> bool:
    """Whether a setting has its usual value, numbers as exactly as four bytes hold them."""
    if isinstance(value, int | float) and isinstance(usual, int | float):
        return math.isclose(as_float(value), usual, rel_tol=1e-6)
    return usual is not None and bool(value == usual)
