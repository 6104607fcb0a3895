"""Prompts of other tools mean the same in our grammar, read back by our own parser."""

import time
from functools import partial

import pytest

from studio.imports.prompt_dialects import comfy, compel, escape, format_pieces, novelai, sdcpp, swarm
from studio.prompts import grammar, wildcards

DIALECTS = (
    comfy.to_studio,
    sdcpp.to_studio,
    compel.to_studio,
    partial(novelai.to_studio, numbers=True),
    lambda prompt: swarm.to_studio(prompt, []),
)


def _read(prompt):
    """What our parser makes of a prompt: words and their weights."""
    sections = grammar.parse(prompt).parts[0].at(0, 1)
    assert len(sections) == 1
    return [(piece.text.strip(), round(piece.weight, 4)) for piece in sections[0] if piece.text.strip()]


@pytest.mark.parametrize(
    "words",
    ["(a) [b] {c|d}", r"c:\d \( \\", "__colour__ and a__b", "<lora:x:1> <3", "a AND b :0.5 BREAK c", "[a:b:0.5] [a|b]",
     "x (y:1.2)", "un(even", "\\"],
)  # fmt: skip
def test_plain_words_are_only_words(words):
    ours = escape(words)
    read = _read(ours)
    assert [weight for _, weight in read] == [1.0]
    assert read[0][0].lower() == words.lower()
    assert not grammar.parse(ours).loras
    assert not wildcards.first(ours)


def test_a_weight_is_written_so_that_it_is_read():
    for weight in (1.1576, 0.0001, -1.5, 99.9, 0.1 + 0.2):
        assert _read(format_pieces([grammar.WeightedText(" a cat ", weight)])) == [("a cat", round(weight, 4))]
    for weight in (1e6, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="large"):
            format_pieces([grammar.WeightedText("a", weight)])


@pytest.mark.parametrize(
    ("prompt", "means"),
    [
        ("a (red) cat", [("a", 1), ("red", 1.1), ("cat", 1)]),
        ("((red:1.2))", [("red", 1.2)]),  # the inner weight counts alone
        ("(a (b)x:1.2)", [("a", 1.2), ("b", 1.32), ("x", 1.2)]),
        ("(a:b:1.5)", [("a:b", 1.5)]),
        (r"\(a\) [b] {c}", [("(a) [b] {c}", 1)]),
        ("(un (a:1.3)", [("(un", 1), ("a", 1.3)]),
    ],
)
def test_comfyui(prompt, means):
    assert _read(comfy.to_studio(prompt)) == means


@pytest.mark.parametrize(
    ("prompt", "means"),
    [
        ("trees+ fog--, x", [("trees", 1.1), ("fog", 0.81), (", x", 1)]),
        ("(a (blue eyes)1.3)1.1", [("a", 1.1), ("blue eyes", 1.43)]),
        ('"two words"++ semi-realistic', [("two words", 1.21), ("semi-realistic", 1)]),
        (r"(plain) \(medium\)+ it's -", [("plain", 1), ("(medium)", 1.1), ("it's -", 1)]),
    ],
)
def test_invokeai(prompt, means):
    assert _read(compel.to_studio(prompt)) == means


@pytest.mark.parametrize("prompt", ['("a", "b").blend(1, 1)', '("a", "b").and()', "cat.swap(dog)", "a (b", 'a 5" nail'])
def test_what_invokeai_says_and_we_cannot(prompt):
    with pytest.raises(ValueError, match="no equivalent|not closed"):
        compel.to_studio(prompt)


@pytest.mark.parametrize(
    ("prompt", "means"),
    [
        ("{{a}}, [b] (c)", [("a", 1.1025), (",", 1), ("b", 0.9524), ("(c)", 1)]),
        ("1.5::a::, {b}", [("a", 1.5), (",", 1), ("b", 1.05)]),
        ("-1::a, {b}:: c", [("a,", -1), ("b", -1.05), ("c", 1)]),
        ("{at 12:30} fish|bird un{even", [("at 12:30", 1.05), ("fish|bird un{even", 1)]),
    ],
)
def test_novelai(prompt, means):
    assert _read(novelai.to_studio(prompt, numbers=True)) == means


def test_numbers_are_words_before_novelai_four():
    assert _read(novelai.to_studio("1.5::a::", numbers=False)) == [("1.5::a::", 1)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_hostile_prompts_take_no_time_and_read_as_ours_or_are_refused(dialect):
    bits = (
        "(",
        "()",
        "(a:1.2)",
        "{a",
        "}",
        '"',
        "\\",
        "1.5::",
        "a:1",
        "+",
        "-",
        "1",
        ".",
        "<alt:a,b>",
        "<",
        "[a|",
        ":9",
        "\ue000",
    )
    for bit in (*bits, "(a)9", "<random:", "__a__", " AND ", "\x00", "\ud800", "<lora:x>", "<segment:a>"):
        for prompt in (bit * (10_000 // len(bit)), "(" * 200 + bit * 200 + ")" * 200):
            started = time.process_time()
            try:
                ours = dialect(prompt)
            except ValueError as error:
                assert "\n" not in str(error)
            else:
                assert isinstance(ours, str)
            assert time.process_time() - started < 4, prompt[:20]


@pytest.mark.parametrize(
    ("prompt", "means"),
    [
        ("A BOARD, AND I AM", [("A BOARD, and I AM", 1)]),
        ("a (red) [blue] cat", [("a", 1), ("red", 1.1), ("blue", 0.9091), ("cat", 1)]),
        ("((red:1.2) (b:2))", [("red", 1.32), ("b", 2.2)]),  # weights multiply
        ("[cat:dog:0.5] [a|b]", [("cat:dog:0.5", 0.9091), ("a|b", 0.9091)]),
        (r"\(a\) {c} (un", [("(a) {c} (un", 1)]),
    ],
)
def test_stable_diffusion_cpp(prompt, means):
    assert _read(sdcpp.to_studio(prompt)) == means


def test_a_break_of_stable_diffusion_cpp_is_one_here():
    assert sdcpp.to_studio("(a:1.2) cat BREAK on a mat") == "(a:1.2) cat BREAK on a mat"
