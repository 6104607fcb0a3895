import json

import pytest

from studio.lora.library import sidecars
from studio.model_files.hashes import Stamp
from tests.lora.told import A1111, CIVITAI, LORA_MANAGER, beside, write


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "neon.v2.safetensors")


def said(file):
    claims, broken = sidecars.read_claims(file)
    return {(claim.field, claim.text) for claim in claims}, broken


def test_a1111(file):
    beside(file, json=A1111)
    assert said(file) == ({("trigger", "neon lines"), ("weight", "0.7"), ("base", "SD1")}, [])


def test_what_a1111_writes_where_nothing_was_set_says_nothing(file):
    beside(file, json={"sd version": "Unknown", "activation text": "", "preferred weight": 0, "notes": ""})
    assert said(file) == (set(), [])


def test_civitai(file):
    beside(file, civitai_info=CIVITAI)
    found, broken = said(file)
    assert broken == []
    assert found >= {
        ("title", "Neon Outline by Anna"),
        ("base", "SD 1.5"),
        ("trigger", "neon lines"),
        ("trigger", "glowing outline"),
        ("author", "anna"),
        ("description", "Glowing outlines ."),
    }
    assert any(what == "licence" and "credit needed" in text for what, text in found)


def test_lora_manager_and_what_it_keeps_of_civitai(file):
    beside(file, metadata_json=LORA_MANAGER)
    claims, _ = sidecars.read_claims(file)
    assert [claim.text for claim in claims if claim.field == "title"] == [
        "Neon Outline (managed)",
        "Neon Outline by Anna",
    ]
    assert {("weight", "0.9"), ("trigger", "glowing outline"), ("description", "best with thin shapes")} <= said(file)[
        0
    ]
    assert {claim.source for claim in claims} == {"neon.v2.metadata.json"}


@pytest.mark.parametrize("place", [".", "neon.v2"])
def test_a_hugging_face_card(file, place):
    (file.parent / place).mkdir(exist_ok=True)
    card = "---\nlicense: other\nlicense_name: faipl\nbase_model: a/b\ninstance_prompt: neon lines\n---\n# Neon\n"
    (file.parent / place / "README.md").write_text(card)
    there = [each.name for each in file.parent.iterdir()]
    assert sidecars.beside(file, there) == [file.parent / place / "README.md"]
    assert said(file)[0] == {("licence", "other faipl"), ("base", "a/b"), ("trigger", "neon lines")}


@pytest.mark.parametrize("hostile", ["[" * 20_000, "a: &a [x, x]\nb: *a", "a: b: c", "license: !!binary x"])
def test_a_broken_card_is_named(file, hostile):
    (file.parent / "README.md").write_text(f"---\n{hostile}\n---\n")
    found, (problem,) = said(file)
    assert not found
    assert problem.startswith("the front matter of README.md cannot be read and is ignored: ")


@pytest.mark.parametrize("head", ["- x", "", "license: []"])
def test_a_card_may_say_nothing(file, head):
    (file.parent / "README.md").write_text(f"---\n{head}\n---\n")
    assert said(file) == (set(), [])


@pytest.mark.parametrize(
    "hostile",
    ["{", "[1, 2]", "null", '"x"', "[" * 100_000, "\x80", "{" + '"a":' * 50_000, '{"a": 1e999, "b": NaN, "b": 2}'],
)
def test_a_broken_sidecar_is_named_and_the_others_are_read(file, hostile):
    beside(file, civitai_info=hostile, json=A1111)
    found, broken = said(file)
    assert ("trigger", "neon lines") in found
    assert all(line.startswith("neon.v2.civitai.info") for line in broken)
    assert broken or hostile.startswith('{"a": 1e999')


def test_one_that_is_too_large_is_named(file, monkeypatch):
    monkeypatch.setattr(sidecars, "LARGEST", 100)
    beside(file, json={"notes": "x" * 100})
    assert said(file) == (
        set(),
        ["neon.v2.json cannot be read: it is larger than 100 bytes, the limit for such a file"],
    )


@pytest.mark.parametrize("odd", [None, 1, "x", [1], {"a": 1}, [{"a": [None]}], -1e300, True])
def test_values_of_any_kind_are_no_trouble(file, odd):
    for name, content in (("json", A1111), ("civitai_info", CIVITAI), ("metadata_json", LORA_MANAGER)):
        beside(file, **{name: dict.fromkeys(content, odd) | {"model": dict.fromkeys(CIVITAI["model"], odd)}})
        sidecars.read_claims(file)
        list(sidecars.declared(file))


def test_a_weight_nobody_can_mean_is_none(file):
    for weight in (0, 1e9, True, "strong", [1]):
        beside(file, json={"preferred weight": weight}, metadata_json={"usage_tips": json.dumps({"strength": weight})})
        assert said(file)[0] == set()


def test_previews_in_order(file):
    assert sidecars.preview(file) is None
    for ending in (".avif", ".webp", ".jpg", ".png", ".preview.png"):
        file.with_suffix(ending).write_bytes(b"")
        assert sidecars.preview(file) == file.with_suffix(ending)


def test_nothing_is_written(file):
    beside(file, json=A1111, civitai_info="{", metadata_json=LORA_MANAGER)
    before = {path: Stamp.of(path) for path in file.parent.iterdir()}
    sidecars.read_claims(file)
    assert {path: Stamp.of(path) for path in file.parent.iterdir()} == before
