"""Prompts between ComfyUI's grammar and ours."""

import pytest

from studio.errors import InputError
from studio.imports.comfy import prompt_dialect
from studio.prompts import grammar, wildcards
from studio.prompts.grammar import WeightedText


def pieces(text):
    """What our grammar reads in a text that came from theirs, words drawn by lot before."""
    said = wildcards.expanded(prompt_dialect.to_studio(text).text, {}, "1")
    (part,) = grammar.parse(said).parts
    (section,) = part.at(0, 1)
    return list(section)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("a (red:1.2) cat", [("a ", 1), ("red", 1.2), (" cat", 1)]),
        ("(red)", [("red", 1.1)]),
        ("((red))", [("red", 1.21)]),
        ("((red:1.3) cat:0.8)", [("red", 1.3), (" cat", 0.8)]),
        ("(a:b:1.2)", [("a:b", 1.2)]),
        (r"a \(b\) [c] | <lora:x:1> __d__ {e|f}", [("a (b) [c] | <lora:x:1> __d__ {e|f}", 1)]),
        ("a) (b", [("a) (b", 1)]),
        (r"C:\n\[x", [(r"C:\n\[x", 1)]),
        ("(:)", [(":", 1.1)]),
        ("[from:to:0.5]", [("[from:to:0.5]", 1)]),
    ],
)
def test_what_counts_there_counts_here(theirs, ours):
    assert pieces(theirs) == [WeightedText(*piece) for piece in ours]


def test_operators_of_ours_are_words_there():
    said = prompt_dialect.to_studio("a cat AND a dog BREAK")
    assert said.text == "a cat and a dog break"
    assert said.lowered


def test_braces_of_a_canvas_are_still_to_be_drawn():
    assert prompt_dialect.to_studio("{a|b}", drawn=False).text == "{a|b}"


def test_embeddings_become_their_word():
    said = prompt_dialect.to_studio("embedding:neg/bad hands.pt, (embedding:good.safetensors:1.2)")
    assert said.text == "bad hands.pt, (good:1.2)"
    assert said.embeddings == (("neg/bad", "bad"), ("good.safetensors", "good"))


@pytest.mark.parametrize("text", ["a (red:1.2) cat", r"\(x\) and (y:0.5)", "plain"])
def test_back_and_forth(text):
    assert prompt_dialect.to_comfyui(prompt_dialect.to_studio(text).text) == [text]


def test_sections_are_parted_and_turns_refused():
    assert prompt_dialect.to_comfyui("a BREAK (b:1.3)") == ["a", "(b:1.3)"]
    with pytest.raises(InputError, match=r"'\[a:b:0.5\]' in the prompt has no equivalent"):
        prompt_dialect.to_comfyui("[a:b:0.5]")
