import pytest

from studio.errors import WorkflowError
from studio.strict_yaml import parse, read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a: 1\na: 2", "line 2: 'a' is there twice"),
        (b"a: {b: 1, b: 2}", "'b' is there twice"),
        (b"a: &x [1]\nb: *x", "line 2: aliases"),
        (b"- 1\n- 2", "must be a mapping"),
        (b"just words", "must be a mapping"),
        (b"", "must be a mapping"),
        (b"a: [1", "line"),
        (b"a: !!python/object:os.system x", "could not determine a constructor"),
        (b"\xff\xfe\xfa", "not readable YAML"),
        (b"[" * 100_000, "nested too deeply"),
        (b"? [1]\n: 2", "plain text"),
    ],
)
def test_refused_in_one_line(text, message):
    with pytest.raises(WorkflowError) as caught:
        parse(text, "x.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "x.yaml" in str(caught.value)


def test_plain_values_are_read_as_written():
    text = b"a: no\nb: 012\nc: 12\nd: 0.5\ne: true\nf: null\ng: 1e3\nh: 2024-01-01\ni: on"
    assert parse(text, "x") == {
        "a": "no", "b": 12, "c": 12, "d": 0.5, "e": True, "f": None, "g": 1000.0, "h": "2024-01-01", "i": "on",
    }  # fmt: skip


def test_over_one_megabyte_is_refused_unread(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_bytes(b"a: " + b"x" * 1_000_001)
    with pytest.raises(WorkflowError, match="over 1 MB"):
        read(path)


def test_missing_file_says_so(tmp_path):
    with pytest.raises(WorkflowError, match="No such file"):
        read(tmp_path / "none.yaml")
