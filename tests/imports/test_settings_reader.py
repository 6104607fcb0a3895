"""What nobody takes is left with a reason, and what is taken and fits nowhere too."""

import pytest

from studio.errors import InputError
from studio.imports.imported_settings import Left
from studio.imports.json_validators import number, text
from studio.imports.settings_reader import Told
from studio.parameters.sampler_names import canonical


def _left(told):
    return {item.name: item for item in told.foreign().left}


def test_what_is_left_is_called_and_said_as_there():
    told = Told("Thing", {"cfg": "99", "skip": 3, "odd": {"a": 1}, "app_version": "6"}, {"odd": "too odd"})
    told.move("cfg", "guidance", number)
    told.move("skip", "clip_skip", lambda value: number(value) + 100)
    left = _left(told)
    assert left["cfg"].value == "99"
    assert left["skip"].value == "3"
    assert left["odd"] == Left("odd", '{"a": 1}', "too odd")
    assert set(left) == {"cfg", "skip", "odd"}


def test_what_is_off_empty_or_usual_asks_for_nothing():
    said = {"a": None, "b": False, "c": "", "d": [], "e": {}, "f": 0.8999999761581421, "g": 0, "h": True}
    assert set(_left(Told("Thing", said, usual={"f": 0.9, "h": True}))) == {"g"}


def test_a_sampler_and_its_schedule_are_one():
    told = Told("Thing", {"sampler": "dpmpp_2m", "scheduler": "karras"})
    told.sampler("sampler", "scheduler", canonical)
    assert told.foreign().values == {"sampler": "DPM++ 2M Karras"}
    for said in ({"sampler": "dpmpp_2m", "scheduler": 7}, {"sampler": "x" * 99}, {"scheduler": "karras"}):
        told = Told("Thing", said)
        told.sampler("sampler", "scheduler", canonical)
        assert not told.foreign().values
        assert str(list(said.values())[-1])[:80] in next(iter(_left(told).values())).value


def test_sizes_and_prompts():
    told = Told("Thing", {"w": "512", "h": 768.0, "p": "a [b]"})
    told.size("w", "h")
    told.say("p", "prompt", _refuse)
    foreign = told.foreign()
    assert foreign.values == {"size": "512x768", "prompt": r"a \[b\]"}
    assert foreign.left[0].why.startswith("no such marks")
    for said in ({"w": 512}, {"w": 512.5, "h": 512}, {"w": [], "h": {}}, {"w": 1e20, "h": 64}):
        told = Told("Thing", said)
        told.size("w", "h")
        assert set(_left(told)) == {"w, h"}


def _refuse(prompt):
    text(prompt)
    raise ValueError("no such marks")


def test_over_a_thousand_settings_are_refused():
    with pytest.raises(InputError, match="1,000"):
        Told("Thing", {str(n): n for n in range(1_001)})
