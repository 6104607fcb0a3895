"""JSON of any kind is read as what it should be, or refused in one line."""

import pytest

from studio.errors import InputError
from studio.imports.imported_settings import Asset
from studio.imports.json_validators import asset, flatten, items, json_object, number, seed


@pytest.mark.parametrize(("value", "read"), [(3, 3), ("3", 3), (" 2.50 ", 2.5), (-0.5, -0.5), ("+7", 7), (".5", 0.5)])
def test_numbers(value, read):
    assert number(value) == read
    assert type(number(value)) is type(read)


@pytest.mark.parametrize("value", [True, None, "", "3a", "nan", "1e5", "9" * 30, float("inf"), 10**400, [1], {}])
def test_what_is_no_number(value):
    with pytest.raises(ValueError, match="number"):
        number(value)


def test_files_and_their_hashes():
    digest = "AB" * 32
    assert asset("lora", "ink", f"0x{digest}", f"sha256:{digest}", None, weight="0.5", text=1) == Asset(
        "lora", "ink", (digest.lower(),), 0.5, 1.0
    )
    known = asset("model", "a", "blake3:" + "0" * 64, "random:12345678", "e3b0c44298fc1c149afbf4c8996fb924", "xyz", 7)
    assert known.hashes == ("blake3:" + "0" * 64,)
    for name, weight in (("", 1), ("a\x00", 1), (None, 1), ("x" * 301, 1), ("ink", 11), ("ink", "much")):
        with pytest.raises(ValueError, match="file|weight|number"):
            asset("lora", name, weight=weight)


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", "null", "[" * 100_000, '{"a": ' + "9" * 5_000 + "}", "{" + " " * 8_000_000]
)
def test_what_is_no_object(text):
    with pytest.raises(InputError, match="Thing"):
        json_object(text, "Thing")


def test_lists_and_settings_within_settings():
    assert items([1]) == [1]
    for value in ("a", {}, [0] * 101):
        with pytest.raises(ValueError, match="list"):
            items(value)
    assert dict(flatten({"a": {"b": {"c": 1}}, "d": []})) == {"a.b.c": 1, "d": []}


@pytest.mark.parametrize(("said", "ours"), [(7, 7), ("7", 7), (2**32, 0), (2**64 + 5, 5), (3.0, 3)])
def test_a_seed_is_what_torch_makes_of_it_on_a_cpu(said, ours):
    assert seed(said) == ours


@pytest.mark.parametrize("said", [-1, "-1", 0.5, None, True, "x", [7]])
def test_what_is_not_a_seed_is_refused(said):
    with pytest.raises(ValueError, match=r"not a number|not a whole number|random seed"):
        seed(said)
