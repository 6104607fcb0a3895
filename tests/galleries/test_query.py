"""The small language: what is found, what is refused, and that nothing is an operator of the index's own."""

import random

import pytest

from studio.errors import InputError
from studio.galleries.entry import AnnotationChange
from studio.galleries.gallery import Gallery
from studio.galleries.query import Query, Term
from tests.galleries.conftest import found, maker


@pytest.fixture(scope="module")
def shown(tmp_path_factory, a_job):
    """Four pictures that differ in everything that can be looked for."""
    folder = tmp_path_factory.mktemp("shown")
    gallery, make = Gallery(folder / ".state", [folder]), maker(folder, a_job)
    lora = {"file": "f" * 64, "tensors": "a" * 64, "licence": [{"text": "cc-by-nc-4.0", "source": "neon.json"}]}
    make("a navy star on cream", 7, name="star", made="2026-11-03T12:00:00+00:00")
    make("two stars, Größe XL", 8, name="stars", size=(32, 16), loras={"neon-glow": lora}, made="2026-11-04T12:00:00Z")
    make("a moon", 9, name="moon", size=(16, 32), values={"negative_prompt": "text"}, made="2025-01-01T12:00:00Z")
    make(
        "赤い星と月 ★",
        10,
        name="kanji",
        models={"dreamy-xl": {"sampler": "Euler", "licence": "openrail"}},
        made="2024-01-01T12:00:00Z",
    )
    gallery.refresh()
    gallery.mark(
        [gallery.find("seed:9").entries[0].id],
        AnnotationChange(True, 4, "for the cover", {"Print": True}, {"Spring 27": True}),
    )
    return gallery


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["kanji", "moon", "star", "stars"]),
        ("star", ["star", "stars"]),
        ("STAR navy", ["star"]),
        ('"star navy"', []),
        ('"navy star"', ["star"]),
        ("grosse", []),
        ("große", ["stars"]),
        ("groß", ["stars"]),
        ("星", ["kanji"]),
        ("星と月", ["kanji"]),
        ("★", ["kanji"]),
        ("cover", ["moon"]),
        ("print", ["moon"]),
        ("-star", ["kanji", "moon"]),
        ("star -navy", ["stars"]),
        ("text", ["moon", "star", "stars", "kanji"]),  # in the workflow's title
        ("workflow:text-to-image", ["kanji", "moon", "star", "stars"]),
        ("workflow:poster", []),
        ("model:spark", ["moon", "star", "stars"]),
        ("model:dreamy", ["kanji"]),
        ("-model:spark", ["kanji"]),
        ("lora:neon", ["stars"]),
        ("licence:cc-by", ["stars"]),
        ("license:apache", ["moon", "star", "stars"]),
        ("seed:7", ["star"]),
        ("-seed:7", ["kanji", "moon", "stars"]),
        ("size:32x16", ["stars"]),
        ("size:portrait", ["moon"]),
        ("size:square", ["kanji", "star"]),
        ("date:2026", ["star", "stars"]),
        ("date:2026-11-03", ["star"]),
        ("date:..2024", ["kanji"]),
        ("date:2025..2026-11-03", ["moon", "star"]),
        ("date:2026..", ["star", "stars"]),
        ("rating:4", ["moon"]),
        ("rating:5", []),
        ("rating:0", ["kanji", "moon", "star", "stars"]),
        ("-rating:1", ["kanji", "star", "stars"]),
        ("is:favourite", ["moon"]),
        ("-is:fav", ["kanji", "star", "stars"]),
        ("tag:print", ["moon"]),
        ("tag:prin", []),
        ('collection:"spring 27"', ["moon"]),
        ("is:trash", []),
        ('tag:""', ["kanji", "moon", "star", "stars"]),
    ],
)
def test_what_is_found(shown, text, names):
    assert found(shown, text) == sorted(names)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modle:spark", "did you mean 'model'"),
        ("style:flat", 'write "style flat"'),
        ("seed:x", "not a seed"),
        ("seed:" + "9" * 19, "not a seed"),
        ("rating:6", "not a rating"),
        ("size:big", "not a size"),
        ("date:2026-13", "not a date"),
        ("date:9999", "not a date"),
        ("date:٢٠٢٦", "not a date"),
        ("is:nice", "known: favourite, input, trash"),
    ],
)
def test_what_makes_no_sense_is_said(text, said):
    with pytest.raises(InputError, match=said):
        Query.parse(text)


HOSTILE = (
    *('"', '""', '"""', "*", "a*", "AND", "NOT", "a OR", "NEAR(", "NEAR(a b, 2)", "^a", "+a", "(a", "a)", "{prompt}"),
    *("'", "''; --", "a\0b", "\ud800", "-", "--", '-"', ":", "::", "16:9", "<lora:neon:0.8>", "(star:1.2)", "\\", "%"),
    *("_", "?", "🙂", "a" * 5000),
)


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_written_is_words(shown, text):
    shown.find(text)
    shown.find(f"star {text} tag:{text}")


def test_no_text_breaks_a_search(shown):
    rng = random.Random(3)
    for _ in range(300):
        text = "".join(
            rng.choice(["star", '"', "*", "-", " ", "(", ")", "NOT ", "{", "}", "^", "+", "'", "\0", "é"])
            for _ in range(12)
        )
        assert shown.find(text).total <= 4


def test_a_page_follows_the_other_and_nothing_comes_twice_or_is_left_out(gallery, make):
    for n in range(25):
        make(seed=n, made=f"2026-11-0{n % 3 + 1}T00:00:00Z")
    gallery.refresh()
    seen, after = [], ""
    while True:
        page = gallery.find("star", after=after, most=10)
        seen += [(entry.made, entry.id) for entry in page.entries]
        make(seed=100 + len(seen), made="2027-01-01T00:00:00Z")  # newer pictures do not move the rest
        gallery.refresh()
        if not (after := page.next):
            break
    assert len(seen) == 25 == len(set(seen))
    assert seen == sorted(seen, reverse=True)
    with pytest.raises(InputError, match="not the end of a page"):
        gallery.find(after="x'; --")


def test_terms_can_be_read():
    assert Query.parse('-tag:"red wine" star').terms == (Term("tag", "red wine", False), Term("words", "star"))


def test_ids_are_all_that_is_found_and_entries_those_that_are_here(gallery, make):
    for seed in range(3):
        make(seed=seed, name=f"s{seed}")
    gallery.refresh()
    ids = gallery.ids("star")
    assert ids == [entry.id for entry in gallery.find("star").entries]
    assert set(gallery.entries([*ids[:2], "0" * 64])) == set(ids[:2])
    assert gallery.ids("seed:9") == []
