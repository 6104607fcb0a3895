"""What every reader is put through: nothing passed over, values that forms take, and hostile files."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from random import Random
from typing import Any

from studio.errors import InputError
from studio.imports.imported_settings import ImportedSettings
from studio.imports.metadata_extract import EmbeddedMetadata
from studio.imports.settings_mapping import form_of
from studio.imports.settings_reader import IRRELEVANT
from studio.workflow.workflow import bind

Read = Callable[[EmbeddedMetadata], ImportedSettings | None]

EVIL: tuple[Any, ...] = (
    None, True, False, -1, 0, 10**400, -(10**30), 1e308, float("nan"), float("inf"), "", "\x00", "\ud800", "x" * 20_000,
    "(" * 9_000, "{" * 9_000, '"' * 9_000, "1.5::" * 1_800, "<lora:" * 1_500, "<random:a|" * 900, "9" * 4_000, "=" * 50,
    "--" * 5_000, "[a|" * 3_000, "<lora:../../etc/passwd:1>", "(a:1e9)", "__a__" * 2_000, [], {}, [[]], [{}],
    [None] * 9, [0.5] * 5_000, {"a": {"b": {"c": [1, {"d": None}]}}}, {"name": 1}, {"\x00": "\ud800"},
                                   {"name": "x" * 5_000},
    "True", "nan", "1e400", "0x10", "__import__('os')", "\\" * 999, "\u202e", "a\nb",
)  # fmt: skip


def fits(foreign: ImportedSettings) -> None:
    """The form of the workflow takes the values, but for what only a person can choose."""
    try:
        bind(form_of(foreign.workflow), foreign.values)
    except InputError as error:
        assert set(error.wrong) <= {"prompt", "image", "mask", "controlnet"} - set(foreign.values)


def accounted(foreign: ImportedSettings, said: Mapping[str, Any], placed: Mapping[str, str]) -> None:
    """Each setting is in ``placed`` (the input of ours, or the kind of file, that it became), left, or says nothing."""
    kinds = {asset.kind for asset in foreign.assets}
    for name, ours in placed.items():
        assert ours in foreign.values or ours in foreign.clip_skip or ours in kinds, (
            f"{name} became neither an input nor a file"
        )
    left = {item.name for item in foreign.skipped}
    missing = set(said) - set(placed) - left - IRRELEVANT
    assert not {name for name in missing if said[name] not in (None, False, "", [], {})}
    assert all(item.why and item.value for item in foreign.skipped)


def lossless(read: Read, write: Callable[[Mapping[str, Any]], Mapping[str, str]], said: Mapping[str, Any]) -> None:
    """Whatever any one setting is made to say comes out again: as a value, a file, or left."""
    for name in set(said) - IRRELEVANT:
        for odd in ("odd words 4711", 4711.25, ["4711"], {"odd": 4711}):
            foreign = read(EmbeddedMetadata(write({**said, name: odd})))
            assert foreign
            everything = f"{foreign.values} {foreign.assets} {foreign.skipped} {foreign.clip_skip}"
            assert "4711" in everything, f"{name}: {odd}"


def hostile(
    read: Read, place: str, said: Mapping[str, Any], write: Callable[[str], str] = str, count: int = 500
) -> None:
    """``count`` damaged forms of a file's text: read in a second or refused in one line, never anything else."""
    refused = 0
    for blob in mangled(said, count):
        started = time.process_time()
        try:
            foreign = read(EmbeddedMetadata({**_marks(place), place: write(blob)}, (512, 512)))
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            if foreign:
                fits(foreign)
                json.dumps([item.value for item in foreign.skipped]).encode()
        assert time.process_time() - started < 5, blob[:2_000]
    assert 0 < refused < count


def _marks(place: str) -> dict[str, str]:
    return {"Software": "NovelAI"} if place == "Comment" else {"fooocus_scheme": "fooocus"}


def mangled(said: Mapping[str, Any], count: int) -> Iterator[str]:
    """Damaged JSON: values of wrong kinds anywhere, keys gone or doubled, text cut, turned and stuffed."""
    lot = Random(7)
    for n in range(count - 4):
        copy = json.loads(json.dumps(said))
        for _ in range(lot.randint(1, 4)):
            _spoil(copy, lot)
        text = json.dumps(copy)
        yield text if n % 4 else _torn(text, lot)
    whole = json.dumps(said)
    yield whole[:-1] + ', "deep": ' + "[" * 100_000 + "]" * 100_000 + "}"
    yield whole[:-1] + ', "deep": ' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "}"
    yield whole[:-1] + ", " + ", ".join(f'"k{n}": {n}' for n in range(200_000)) + "}"
    yield whole[:-1] + ', "big": "' + "y" * 10_000_000 + '"}'


def _spoil(data: Any, lot: Random) -> None:
    """Put something evil in some place of the data, however deep."""
    keys = list(data) if isinstance(data, dict) else list(range(len(data)))
    if not keys:
        return
    key = lot.choice(keys)
    if isinstance(data[key], dict | list) and data[key] and lot.random() < 0.7:
        _spoil(data[key], lot)
    elif isinstance(data, dict) and lot.random() < 0.15:
        del data[key]
    else:
        data[key] = deepcopy(lot.choice(EVIL))


def _torn(text: str, lot: Random) -> str:
    at = lot.randrange(len(text))
    return lot.choice(
        [text[:at], text[:at] + lot.choice('{}[]",:\\\x00\ud800N') + text[at:], text[:at] + text[at + 1 :], text * 2]
    )
