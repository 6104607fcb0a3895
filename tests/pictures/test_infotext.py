"""The grammar of A1111's text: what is written is read again, by us and by A1111's own pattern, and nothing is lost."""

import json
import re
from random import Random

import pytest

from studio.errors import InputError
from studio.pictures.infotext import Infotext, format_infotext, pairs, quoted

THEIRS = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')  # modules/infotext_utils.py of A1111


def theirs(line):
    """A line of settings as A1111 reads it."""
    found = {}
    for key, value in THEIRS.findall(line):
        found[key] = json.loads(value) if value[:1] == '"' and value[-1:] == '"' else value
    return found


def test_prompts_and_settings_are_told_apart():
    text = "a cat,\non a mat\nNegative prompt: blurry\nSteps: 3 legs\nSteps: 20, Sampler: Euler a, CFG scale: 7"
    info = Infotext.parse(text)
    assert (info.prompt, info.negative) == ("a cat,\non a mat", "blurry\nSteps: 3 legs")
    assert info.settings == (("Steps", "20"), ("Sampler", "Euler a"), ("CFG scale", "7"))


@pytest.mark.parametrize("text", ["", "a cat", "a cat\nmood: dark, light: low", "Steps: 20, Sampler: Euler a"])
def test_less_than_three_pairs_are_words(text):
    assert Infotext.parse(text) == Infotext(text)


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("A B: 1, Model: my, model [v1], Seed: 5", "Model", "my, model [v1]"),
        ("A B: 1, E: 2, Seed: 5", "E", "2"),
        ('A B: 1, Note: "a \\"b\\", c: d\\n", Seed: 5', "Note", 'a "b", c: d\n'),
        ('A B: 1, Note: "a" and "b", Seed: 5', "Note", '"a" and "b"'),
        ('A B: 1, Civitai resources: [{"a":"b, c: d"},{"e":[1,2]}], Seed: 5', "Civitai resources",
         '[{"a":"b, c: d"},{"e":[1,2]}]'),
        ('A B: 1, Hashes: {"model": "ab", "lora:x": "cd"}, Seed: 5', "Hashes", '{"model": "ab", "lora:x": "cd"}'),
        ("A B: 1, Broken: [1, 2, Seed: 5", "Broken", "[1, 2"),
        ("A B: 1, Link: see http://x, y, Seed: 5", "Link", "see http://x, y"),
        ("A B: 1, Empty: , Seed: 5", "Empty", ""),
        ("before, A B: 1, Seed: 5", "", "before"),
    ],
)  # fmt: skip
def test_values_are_whole(line, key, value):
    found = dict(pairs(line))
    assert found[key] == value
    assert (found["A B"], found["Seed"]) == ("1", "5")


def test_a_value_with_line_breaks_of_its_own_is_whole():
    info = Infotext.parse("a cat\nSteps: 20, Sampler: Euler a, Seed: 1, Template: a {b|c}\nand more")
    assert info.prompt == "a cat"
    assert dict(info.settings)["Template"] == "a {b|c}\nand more"


def test_all_that_is_written_is_read_again():
    random = Random(1)
    letters = "abz, :\"\\\n[]{}()<>|_-/0é星\t\x00'."
    for _ in range(400):
        keys = {
            "".join(random.choices("abcXYZ 12-/", k=random.randint(2, 20))).strip() for _ in range(random.randint(3, 9))
        }
        keys = sorted(key for key in keys if len(key) > 1 and key[0] not in "-/")
        said = {key: "".join(random.choices(letters, k=random.randint(0, 30))).strip() for key in keys}
        said = {key: value for key, value in said.items() if value[:1] not in ("[", "{") or quoted(value) != value}
        if len(said) >= 3:
            info = Infotext.parse(format_infotext("a cat", "", said))
            assert dict(info.settings) == said
            line = format_infotext("", "", said).lstrip("\n")
            assert {key: value for key, value in theirs(line).items() if key in said} == said


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_999_000, "," * 1_900_000, "Steps: 1, a: 2, " * 10_000, "Steps: " + "[" * 1_000_000,
        'Steps: "' + "\\" * 1_000_000, "Steps: 1\n" * 20_000, "ab: [0," * 50_000, 'ab: [", ' * 50_000,
        "a, " + " " * 1_900_000 + "b",
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_hostile_text_is_read_at_once(text):
    info = Infotext.parse(text)
    assert len(info.prompt) + len(info.settings) + len(info.negative) >= 0


def test_text_beyond_all_measure_is_refused_in_one_line():
    with pytest.raises(InputError, match="letters long; it cannot be read"):
        Infotext.parse("a" * 10_000_000)
