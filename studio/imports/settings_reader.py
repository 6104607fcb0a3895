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
_UNKNOWN: Final = "the studio has no such setting"
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})

IRRELEVANT: Final = frozenset(
    {
        # who wrote the file, when, and how long it took
        "app_version", "created_by", "date", "donotsave", "generation_time", "generator", "Generation time",
        "hide_debug_overlay", "imageformat", "metadata_scheme", "nopreviews", "prep_time", "request_type", "schema",
        "signed_hash", "Software", "swarm_version", "Title", "version",
        # given more precisely elsewhere in the same file, or about other pictures of the same run
        "aspectratio", "automaticvae", "Description", "images", "n_samples", "sidelength",
    }
)  # fmt: skip
"""Settings that never affect the picture, in any tool, so they are not listed as skipped."""


class SettingsReader:
    """The settings of a tool by its names for them, which a format's reader takes one after the other.

    ``result`` returns what was taken. Settings that nobody took, or that the workflow's form refuses, are listed as
    skipped, with the reason that ``why`` has for their names. Not listed are those in IRRELEVANT, those that are off or
    empty (null, false, "", [], {}), and those with their value in ``defaults``: they have no effect.
    """

    def __init__(
        self,
        tool: str,
        settings: Mapping[str, Any],
        why: Mapping[str, str] = _NONE,
        defaults: Mapping[str, Any] = _NONE,
    ) -> None:
        if len(settings) > _MOST:
            raise InputError(f"these are over {_MOST:,} settings, more than {tool} writes; they cannot be read")
        self._tool = tool
        self._settings = dict(settings)
        self._why, self._defaults = why, defaults
        self._values: dict[str, Any] = {}
        self._source: dict[str, tuple[str, Any]] = {}
        self._assets: list[Asset] = []
        self._skipped: list[SkippedSetting] = []
        self._clip_skip: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return not _off(self._settings.get(name))

    def take(self, name: str) -> Any:
        """Remove a setting and return it: the caller handles it from now on. None if there is none."""
        return self._settings.pop(name, None)

    def peek(self, name: str) -> Any:
        """A setting, without removing it; None if there is none."""
        return self._settings.get(name)

    def names(self) -> list[str]:
        """The names of settings that nobody took yet."""
        return list(self._settings)

    def add(self, settings: Mapping[str, Any]) -> None:
        """Add settings, which were nested in one that was taken."""
        self._settings |= settings

    def put(self, ours: str, value: Any, name: str, original: Any) -> None:
        """Set an input of ours to a value, whose setting is called ``name`` there and has the value ``original``."""
        self._values[ours] = value
        self._source[ours] = name, original

    def move(self, name: str, ours: str, read: Callable[[Any], Any]) -> None:
        """Set an input of ours to a setting, converted by ``read``; if that raises ValueError, skip it."""
        value = self.take(name)
        if value is not None:
            with self._skipping(name, value):
                self.put(ours, read(value), name, value)

    def clip_skip(self, name: str, read: Callable[[Any], Any] = number) -> None:
        """Read clip skip, as the tool counts it."""
        value = self.take(name)
        if value is not None:
            with self._skipping(name, value):
                self._clip_skip = {"clip_skip": integer(read(value))}

    def size(self, width: str, height: str) -> None:
        """Read two settings as our size."""
        sides = self.take(width), self.take(height)
        if sides != (None, None):
            name, value = f"{width}, {height}", list(sides)
            with self._skipping(name, value):
                self.put("size", "x".join(f"{number(side):g}" for side in sides), name, value)

    def sampler(self, name: str, schedule: str, read: Callable[[str, str], str]) -> None:
        """Read a sampler and its schedule as our sampler, which is both; ``read`` gives our name."""
        value, timing = self.take(name), self.take(schedule)
        if value is None and timing is not None:
            self.skip(schedule, timing, "there is no sampler that it belongs to")
        elif value is not None:
            both = value if timing is None else f"{shown(value)} {shown(timing)}"
            with self._skipping(name, both):
                named, timed = text(value), text(timing or "")
                if len(named) + len(timed) > _LONGEST_NAME:
                    raise ValueError("there is no such sampler here")
                self._put_sampler(name, schedule, (named, timed), read)

    def _put_sampler(self, name: str, schedule: str, both: tuple[str, str], read: Callable[[str, str], str]) -> None:
        """Set the sampler; without the schedule if the studio has the sampler only with others."""
        try:
            self.put("sampler", read(*both), name, " ".join(both).strip())
        except ValueError:
            if not both[1]:
                raise
            self.put("sampler", alone := read(both[0], ""), name, both[0])
            self.skip(schedule, both[1], f"'{alone}' has its own schedule here")

    def prompt(self, name: str, ours: str, dialect: Callable[[str], str]) -> None:
        """Read a prompt in our grammar. If ``dialect`` raises ValueError, use its plain words and list the reason."""
        value = self._settings.get(name)
        if not isinstance(value, str) or len(value) > LONGEST:
            self.move(name, ours, text)  # the form refuses that and gives the reason
            return
        self.take(name)
        try:
            self.put(ours, dialect(value), name, value)
        except ValueError as error:
            self.put(ours, escape(value), name, value)
            self.skip(name, value, f"{error}; its words are used without weights")

    def assets(self, name: str, read: Callable[[Any], Iterable[Asset]]) -> None:
        """Read the files that a setting names with ``read``; if that raises ValueError, skip the setting."""
        value = self.take(name)
        if not _off(value):
            with self._skipping(name, value):
                self._assets += list(read(value))

    def skip(self, name: str, value: Any, why: str) -> None:
        """List a setting that has no equivalent here."""
        self._skipped.append(SkippedSetting(shown(name), shown(value), why))

    @contextmanager
    def _skipping(self, name: str, value: Any) -> Iterator[None]:
        """Skip a setting, with the reason, if the block raises ValueError."""
        try:
            yield
        except ValueError as error:
            self.skip(name, value, str(error))

    def result(self, workflow: str = "text-to-image") -> ImportedSettings:
        """The imported settings."""
        values, misfits = fit_to_form(form_of(workflow), self._values)
        for misfit in misfits:
            self.skip(*self._source[misfit.name], misfit.why)
        for name, value in self._settings.items():
            if name not in IRRELEVANT and not _off(value) and not _same(value, self._defaults.get(name)):
                self.skip(name, value, self._why.get(name, _UNKNOWN))
        assets, skipped = tuple(self._assets), tuple(self._skipped)
        return ImportedSettings(self._tool, workflow, None, values, assets, skipped, self._clip_skip)


def _off(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def _same(value: Any, default: Any) -> bool:
    """Whether a setting has its default value; numbers are compared with float32 precision."""
    if isinstance(value, int | float) and isinstance(default, int | float):
        return math.isclose(as_float(value), default, rel_tol=1e-6)
    return default is not None and bool(value == default)
