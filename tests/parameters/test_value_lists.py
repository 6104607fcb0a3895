import pytest

from studio.errors import InputError
from studio.parameters.value_lists import Axis, listed


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("heart, star", ["heart", "star"]),
        ("heart", ["heart"]),
        ("a star, flat|a heart", ["a star, flat", "a heart"]),
        ("a star, flat\na heart, flat\n", ["a star, flat", "a heart, flat"]),
        (" , ,", []),
        ("a {red|dark, blue} star, sea", ["a {red|dark, blue} star", "sea"]),
        ("{a|b}", ["{a|b}"]),
        ("a, b} c|d", ["a, b} c", "d"]),
        ('"ink, blue":0.8, neon', ['"ink, blue":0.8', "neon"]),
        ('"a, b, c"', ['"a, b, c"']),
        ('"a, b', ['"a', "b"]),
        ('says "a, b", c', ['says "a', 'b"', "c"]),
    ],
)
def test_lists_are_read_as_people_write_them(text, values):
    assert listed(text) == values


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("steps=5,10,20", "steps", ("5", "10", "20")),
        ("guidance=1..3:0.5", "guidance", ("1", "1.5", "2", "2.5", "3")),
        ("seed = 8..11", "seed", ("8", "9", "10", "11")),
        ("steps=10..30:10, 50", "steps", ("10", "20", "30", "50")),
        ("loras=neon:0..1:0.5", "loras", ("neon:0", "neon:0.5", "neon:1")),
        ("loras=neon:0..1:0.5, paper:-1..0", "loras", ("neon:0", "neon:0.5", "neon:1", "paper:-1", "paper:0")),
        ("loras=anna:0.5|anna:0.5, neon:1", "loras", ("anna:0.5", "anna:0.5, neon:1")),
        ("prompt=a red star, flat|a = b", "prompt", ("a red star, flat", "a = b")),
    ],
)
def test_an_axis_is_a_name_and_values(text, name, values):
    assert Axis.parse(text) == Axis(name, values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps", "'steps' is not an axis"),
        ("=3", "'=3' is not an axis"),
        ("steps=", "has 0 values"),
        ("seed=1..60, 1..60", "has 120 values"),
        ("seed=1..9999999999", "must increase"),
        ("guidance=3..1", "must increase"),
        ("guidance=1..3:0", "must increase"),
    ],
)
def test_what_is_no_axis_is_shown(text, message):
    with pytest.raises(InputError, match=message):
        Axis.parse(text)
