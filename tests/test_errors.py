"""What every error of the studio promises: one line, whatever the names in it hold."""

import pickle
import struct

import pytest

from studio.errors import Cancelled, InputError, ModelError, OutputError, Problem, TableError
from studio.model_files.header import Header


@pytest.mark.parametrize("kind", [InputError, ModelError, OutputError, Cancelled])
@pytest.mark.parametrize("mark", ["\n", "\r\n", "\r", "\x0b", "\x85", "\u2028"])
def test_a_message_stays_one_line(kind, mark):
    error = kind(f"'a{mark}b' is wrong")
    assert str(error) == "'a\\nb' is wrong"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301


def test_a_message_of_one_line_is_as_it_was():
    assert str(ModelError("'é' is wrong")) == "'é' is wrong"
    assert Cancelled().args == ()
    assert str(TableError([Problem(2, "size", "says\nnothing")])) == "row 2, size: says\\nnothing"
    assert InputError.about("a", "is\nwrong").wrong == {"a": "is\nwrong"}


def test_a_tensors_name_with_a_line_break_is_told_in_one_line(tmp_path):
    name = b"a\nk: v\n"
    file = tmp_path / "x.gguf"
    file.write_bytes(
        b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", len(name)) + name + struct.pack("<I", 99)
    )
    with pytest.raises(ModelError, match=r"^[^\n]*gives 'a\\nk: v\\n' 99 dimensions[^\n]*$"):
        Header.read(file)
