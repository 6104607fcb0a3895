import pytest

from studio.files.strict_json import loads


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ('[{"b": {"a": 1, "a": 2}}]', "'a' is there twice"),
        ("[" * 101 + "1" + "]" * 101, "nested over 100 deep"),
        ("[" * 100_000, "nested over 100 deep"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "nested over 100 deep"),
        ("[" + "[]," * 600_000 + "1]", "more than 1,000,000 values"),
        ("1" * 4000, "4,000 digits"),
        ("1" * 10_000, "10,000 digits"),
        ("[1", "Expecting"),
        ("", "Expecting value"),
        (b"\xff", "decode"),
    ],
)
def test_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=".") as caught:
        loads(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_too_long_is_refused_unread():
    with pytest.raises(ValueError, match="longer than 10 bytes"):
        loads('{"a": "long"}', most=10)


def test_what_programs_write_is_read():
    assert loads(b'\xef\xbb\xbf{"a": [1, 2.5, null, true, "x"], "max": 1000000000000000019884624838656}') == {
        "a": [1, 2.5, None, True, "x"],
        "max": 1000000000000000019884624838656,
    }
    assert loads("[" * 99 + "1" + "]" * 99)


def test_halves_of_letters_are_replaced_and_whole_ones_kept():
    assert loads(r'["😀 \uD83D\uDE00", "\ud83d", "x\udc00y", "\\ud83d"]') == ["😀 😀", "�", "x�y", r"\ud83d"]
