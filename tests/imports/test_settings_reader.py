"""What nobody takes is left with a reason, and what is taken and fits nowhere too."""

import pytest

from studio.errors import InputError
from studio.imports.imported_settings import SkippedSetting
from studio.imports.json_validators import number, text
from studio.imports.settings_reader import SettingsReader
from studio.parameters.sampler_names import canonical


def _left(reader):
    return {item.name: item for item in reader.result().skipped}


def test_what_is_left_is_called_and_said_as_there():
    reader = SettingsReader("Thing", {"cfg": "99", "skip": 3, "odd": {"a": 1}, "app_version": "6"}, {"odd": "too odd"})
    reader.move("cfg", "guidance", number)
    reader.move("skip", "clip_skip", lambda value: number(value) + 100)
    left = _left(reader)
    assert left["cfg"].value == "99"
    assert left["skip"].value == "3"
    assert left["odd"] == SkippedSetting("odd", '{"a": 1}', "too odd")
    assert set(left) == {"cfg", "skip", "odd"}


def test_what_is_off_empty_or_usual_asks_for_nothing():
    said = {"a": None, "b": False, "c": "", "d": [], "e": {}, "f": 0.8999999761581421, "g": 0, "h": True}
    assert set(_left(SettingsReader("Thing", said, defaults={"f": 0.9, "h": True}))) == {"g"}


def test_a_sampler_and_its_schedule_are_one():
    reader = SettingsReader("Thing", {"sampler": "dpmpp_2m", "scheduler": "karras"})
    reader.sampler("sampler", "scheduler", canonical)
    assert reader.result().values == {"sampler": "DPM++ 2M Karras"}
    for said in ({"sampler": "dpmpp_2m", "scheduler": 7}, {"sampler": "x" * 99}, {"scheduler": "karras"}):
        reader = SettingsReader("Thing", said)
        reader.sampler("sampler", "scheduler", canonical)
        assert not reader.result().values
        assert str(list(said.values())[-1])[:80] in next(iter(_left(reader).values())).value


def test_sizes_and_prompts():
    reader = SettingsReader("Thing", {"w": "512", "h": 768.0, "p": "a [b]"})
    reader.size("w", "h")
    reader.prompt("p", "prompt", _refuse)
    foreign = reader.result()
    assert foreign.values == {"size": "512x768", "prompt": r"a \[b\]"}
    assert foreign.skipped[0].why.startswith("no such marks")
    for said in ({"w": 512}, {"w": 512.5, "h": 512}, {"w": [], "h": {}}, {"w": 1e20, "h": 64}):
        reader = SettingsReader("Thing", said)
        reader.size("w", "h")
        assert set(_left(reader)) == {"w, h"}


def _refuse(prompt):
    text(prompt)
    raise ValueError("no such marks")


def test_over_a_thousand_settings_are_refused():
    with pytest.raises(InputError, match="1,000"):
        SettingsReader("Thing", {str(n): n for n in range(1_001)})
