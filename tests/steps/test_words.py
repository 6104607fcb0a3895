import pytest

from studio.parameters.signature import parameters
from studio.steps import words


@pytest.mark.parametrize(
    ("template", "given", "prompt"),
    [
        ("a {style} {colour} {subject} on {background}", {"subject": "star", "background": "navy"}, "a star on navy"),
        ("a {style} {subject}", {"style": "outlined", "subject": "fish"}, "an outlined fish"),
        ("{subject}", {"subject": "A orange {colour} tree"}, "An orange {colour} tree"),
        ("banana {subject}", {"subject": "egg"}, "banana egg"),
    ],
)
def test_fields_are_filled_and_grammar_kept(template, given, prompt):
    assert words.run(None, template, **given) == prompt


@pytest.mark.parametrize(
    "template", ["{nope}", "{subject!r}", "{subject.upper}", "{0}", "{subject:>9}", "{", "{{subject}}"]
)
def test_only_plain_fields_are_known(template):
    with pytest.raises(ValueError, match="field|brace"):
        parameters(words.run)["template"].check(template)
