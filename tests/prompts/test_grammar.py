"""A1111's own examples, from its ``prompt_parser.py``, and what ours does where brackets do not match."""

import time

import pytest

from studio.errors import InputError
from studio.prompts.grammar import parse
from studio.prompts.lora import Lora


def pieces(text, step=0, steps=10):
    (section,) = parse(text).parts[0].at(step, steps)
    return [(piece.text, pytest.approx(piece.weight)) for piece in section]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("normal text", [("normal text", 1)]),
        ("an (important) word", [("an ", 1), ("important", 1.1), (" word", 1)]),
        (r"\(literal\]", [("(literal]", 1)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky)))).",
            [("a ", 1), ("house", 1.573), (" ", 1.1), ("on", 1), (" a ", 1.1), ("hill", 0.55), (", sun, ", 1.1),
             ("sky", 1.4641), (".", 1)],
        ),
    ],
)  # fmt: skip
def test_weights_are_read_as_a1111_reads_them(prompt, expected):
    assert pieces(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("test", {10: "test"}),
        ("a [b:3]", {3: "a ", 10: "a b"}),
        ("a [b: 3]", {3: "a ", 10: "a b"}),
        ("a [[[b]]:2]", {2: "a ", 10: "a [[b]]"}),
        ("[(a:2):3]", {3: "", 10: "(a:2)"}),
        ("a [b : c : 1] d", {1: "a b  d", 10: "a  c  d"}),
        ("a[b:[c:d:2]:1]e", {1: "abe", 2: "ace", 10: "ade"}),
        ("a [unbalanced", {10: "a [unbalanced"}),
        ("a [b:.5] c", {5: "a  c", 10: "a b c"}),
        ("a [{b|d{:.5] c", {5: "a  c", 10: "a {b|d{ c"}),
        ("((a][:b:c [d:3]", {3: "((a][:b:c ", 10: "((a][:b:c d"}),
        ("[a|(b:1.1)]", {1: "a", 2: "(b:1.1)", 3: "a", 4: "(b:1.1)"}),
        ("[fe|]male", {1: "female", 2: "male", 3: "female"}),
        ("[fe|||]male", {1: "female", 2: "male", 3: "male", 4: "male", 5: "female"}),
    ],
)
def test_schedules_are_read_as_a1111_reads_them(prompt, expected):
    """Each text holds up to the step that it stands by, counted from 1."""
    step = 0
    for last, text in expected.items():
        for now in range(step, last):
            assert parse(prompt).parts[0].at(now, 10) == parse(text).parts[0].at(0, 10), now
        step = last


@pytest.mark.parametrize(
    ("prompt", "turn"),
    [
        ("a (red:1.2) [x] BREAK b", ""),
        ("a ((b [c:d:0.5]):1.2)", "[c:d:0.5]"),
        ("[a|b] (c)", "[a|b]"),
        ("a AND b", "AND"),
    ],
)
def test_what_is_not_the_same_in_all_steps_is_known(prompt, turn):
    assert parse(prompt).first_change() == turn


@pytest.mark.parametrize(
    "prompt", ["(unbalanced", "a smile :)", "wink ;(", "a [b", "b]", "][", ")(", "(a] b", "a {b", "C:\\x"]
)
def test_brackets_without_a_partner_are_plain_text(prompt):
    assert pieces(prompt) == [(prompt, 1)]
    assert parse(prompt).mark() == ""
    assert parse(prompt).plain() == prompt


@pytest.mark.parametrize(
    "prompt", ["", " ", "16:9", "a {subject} b", "black and white", "BREAKFAST", "SAND", "__name__", "x <b>y</b>"]
)
def test_what_looks_like_a_mark_and_is_none_stays_as_it_is(prompt):
    assert parse(prompt).plain() == prompt
    assert (parse(prompt).mark(), parse(prompt).loras) == ("", ())


@pytest.mark.parametrize("mark", ["(", ")", "[", "]", "{", "}", "|", ":", "_", "<", ">", "\\"])
def test_a_backslash_makes_a_mark_plain(mark):
    assert pieces(f"(a \\{mark} b:1.2)") == [(f"a {mark} b", 1.2)]


def test_a_weight_may_be_of_any_form():
    assert [pieces(f"(a:{weight})")[0][1] for weight in ("1.25", " .5 ", "2", "-1", "+1.5", "3.")] == [
        1.25,
        0.5,
        2,
        -1,
        1.5,
        3,
    ]
    assert pieces("(a:b)") == [("a:b", 1.1)]


def test_break_parts_what_is_read_apart():
    wording = parse("a (cat BREAK on:1.2) a mat BREAK  BREAK x").parts[0].at(0, 1)
    assert [[piece.text for piece in section] for section in wording] == [["a ", "cat"], ["on", " a mat"], [], ["x"]]


def test_and_joins_prompts_with_their_weights():
    parts = parse("a cat AND (a dog):0.5 AND a 16:9 picture\nAND x : -1").parts
    assert [part.weight for part in parts] == [1, 0.5, 1, -1]
    assert [part.at(0, 1)[0][0].text for part in parts] == ["a cat", "a dog", "a 16:9 picture", "x"]
    assert len(parse("(rock AND roll)").parts) == 1


def test_loras_are_handed_over_and_leave_no_text():
    parsed = parse(r"a <lora:ink-v2:0.8>cat<lora:grain><lyco:x:-.5><lora:n:0.5:1><lora:a__b\_\_c>")
    assert parsed.loras == (
        Lora("ink-v2", 0.8), Lora("grain", 1), Lora("x", -0.5), Lora("n", 1, text=0.5), Lora("a__b__c"),
    )  # fmt: skip
    assert parsed.plain() == "a cat"
    assert parse(r"\<lora:x\>").loras == ()


@pytest.mark.parametrize(
    "tag", ["<lora::1>", "<lora:x:much>", "<lora:x:1:2:3>", "<lora:x:1:lbw=MIDD>", "<lora:x:99>", "<hypernet:x:1>"]
)
def test_a_lora_that_cannot_be_read_is_named(tag):
    with pytest.raises(InputError, match=tag.strip("<>").removeprefix("lora:")):
        parse(f"a {tag} cat")


@pytest.mark.parametrize(
    ("prompt", "mark"),
    [("a (red:1.3) cat", "(red:1.3)"), ("a [red] cat", "[red]"), ("[a:b:0.5]", "[a:b:0.5]"), ("[a|b]", "[a|b]"),
     ("a BREAK b", "BREAK"), ("a AND b", "AND"), ("((a:1):1)", ""), ("((a):1)", "(a)")],
)  # fmt: skip
def test_the_first_mark_is_named_as_written(prompt, mark):
    assert parse(prompt).mark() == mark


def test_deep_nesting_is_refused_and_long_prompts_are_quick():
    with pytest.raises(InputError, match="nested over 50 deep"):
        parse("(" * 60 + "a" + ")" * 60)
    began = time.monotonic()
    for hostile in ("(" * 10_000, "()" * 5_000, "[a|" * 3_000, "a AND " * 1_600, "[" * 49 + "a|" * 4_900 + "]" * 49):
        parse(hostile).parts[0].at(0, 10)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("part", ["/etc/x", "~/x", "../x", "a/../x", "a\\x", ".."])
def test_a_prompt_names_loras_and_gives_no_path(part):
    assert parse("<lora:people/anna:1>").loras[0].part == "people/anna"
    with pytest.raises(InputError, match="gives no path"):
        parse(f"a star <lora:{part}:1>")
