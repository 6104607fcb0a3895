import pytest

from studio.files.strict_yaml import MOST_BYTES, loads

BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "line 2: 'a' is there twice"),
        ("a: {b: 1, b: 2}", "'b' is there twice"),
        ("a: &x [1]\nb: *x", "line 2: aliases"),
        (BOMB, "line 2: aliases"),
        ("a: [1", "line"),
        ("a: !!python/object:os.system x", "tags (tag:yaml.org,2002:python/object"),
        ("a: !!bool x", "line 1: tags"),
        ("a: !!map [a]", "line 1: tags"),
        ("a: !!binary x", "line 1: tags"),
        ("a: !!timestamp x", "line 1: tags"),
        ("a: !own x", "line 1: tags (!own)"),
        ("a: ! x", "line 1: tags"),
        (b"\xff\xfe\xfa", "not readable YAML"),
        ("a: \0", "not readable YAML"),
        ("a: " + "1" * 5000, "5,000 digits"),
        ("[" * 100_000, "nested over 30 deep"),
        ("- " * 5000, "nested over 30 deep"),
        ("a: [" + "x," * 50_000 + "x]", "more than 5,000 values"),
        ("a: " + "x" * MOST_BYTES, "longer than 262,144 bytes"),
        ("? [1]\n: 2", "plain text"),
    ],
)
def test_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=".") as caught:
        loads(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_plain_values_are_read_as_written():
    text = b"a: no\nb: 012\nc: 12\nd: 0.5\ne: true\nf: null\ng: 1e3\nh: 2024-01-01\ni: on\nj: <<"
    assert loads(text) == {
        "a": "no", "b": 12, "c": 12, "d": 0.5, "e": True, "f": None, "g": 1000.0, "h": "2024-01-01", "i": "on",
        "j": "<<",
    }  # fmt: skip
