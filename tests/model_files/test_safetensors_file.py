import json
import pickle
import struct
import time
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio.errors import ModelError
from studio.model_files.header import Header
from studio.model_files.safetensors_file import MOST_METADATA
from studio.model_files.tensors import LONGEST, MOST_TENSORS


def written(path: Path, header, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def tensor(begin=0, end=4, shape=(1,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def test_what_the_library_writes_is_read(tmp_path):
    tensors = {"a": torch.ones(2, 3), "b": torch.zeros(4, dtype=torch.bfloat16), "none": torch.zeros(0)}
    save_file(tensors, tmp_path / "x.safetensors", {"modelspec.title": "mine"})
    header = Header.read(tmp_path / "x.safetensors")
    assert header.shapes == {"a": (2, 3), "b": (4,), "none": (0,)}
    assert header.metadata == {"modelspec.title": "mine"}
    assert header.precision == "F32"
    assert header.bytes_of("a") == tensors["a"].numpy().tobytes()


@pytest.mark.parametrize(
    ("header", "data", "says"),
    [
        ({"a": tensor(0, 8)}, bytes(8), "'a' has 8 bytes, not what its shape and dtype take"),
        ({"a": tensor(0, 4), "b": tensor(0, 4)}, bytes(4), "has 'b' at the offset 0 instead of 4"),
        ({"a": tensor(0, 4), "b": tensor(2, 6)}, bytes(6), "has 'b' at the offset 2 instead of 4"),
        ({"a": tensor(4, 8)}, bytes(8), "has 'a' at the offset 4 instead of 0"),
        ({"a": tensor(-4, 0)}, bytes(4), "has 'a' at the offset -4"),
        ({"a": tensor(0, 4)}, bytes(9), "accounts for 4 bytes of data, but 9 follow"),
        ({"a": tensor(0, 4)}, bytes(3), "cut off: it has 3 of 4 bytes"),
        ({"a": tensor(0, 2**70, shape=(2**68,))}, bytes(4), "cut off"),
        ({"a": tensor(shape=(-1,))}, bytes(4), "'a' is not a tensor"),
        ({"a": tensor(shape=(True,))}, bytes(4), "'a' is not a tensor"),
        ({"a": tensor(shape=(1.0,))}, bytes(4), "'a' is not a tensor"),
        ({"a": tensor() | {"more": 1}}, bytes(4), "'a' is not a tensor"),
        ({"a": [1]}, bytes(4), "'a' is not a tensor"),
        ({"a": tensor(dtype="O64")}, bytes(4), "unknown dtype O64"),
        ({"a": tensor(dtype=["F32"])}, bytes(4), "unknown dtype"),
        (b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', bytes(4), "is not a tensor"),
        (b'{"a":1,"a":2}', b"", "'a' is there twice"),
        (b'{"__metadata__":{"x":"1","x":"2"}}', b"", "'x' is there twice"),
        ({"__metadata__": {"x": 1}}, b"", "metadata that is not text"),
        ({"__metadata__": []}, b"", "metadata that is not text"),
        ({"__metadata__": {"x": "y" * (MOST_METADATA + 1)}}, b"", "characters of metadata"),
        (b'{"a":' + b"[" * 100_000, b"", "nested over 100 deep"),
        (b'{"a":' + b"9" * 10_000 + b"}", b"", "is not valid"),
        (b'{"a":\xff}', b"", "is not valid"),
        ({f"{n}": tensor(0, 0, (0,)) for n in range(MOST_TENSORS + 1)}, b"", "more than 50,000 tensors"),
        (b"{" + b'"a":1,' * 1_300_000 + b'"a":1}', b"", "more than 50,000 tensors"),
        (b"{" + b" " * LONGEST, b"", "more than the 8,388,608 that are allowed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hostile_or_damaged_header_is_refused_quickly(tmp_path, header, data, says):
    path = written(tmp_path / "x.safetensors", header, data)
    began = time.process_time()
    with pytest.raises(ModelError, match="x.safetensors") as raised:
        Header.read(path)
    assert says in str(raised.value)
    assert time.process_time() - began < 5  # 0.2 on a quiet machine


def test_the_largest_header_allowed_is_read_in_a_blink(tmp_path):
    path = written(tmp_path / "x.safetensors", {f"{n:060}": tensor(0, 0, (0,)) for n in range(MOST_TENSORS - 10)})
    began = time.process_time()
    assert len(Header.read(path).tensors) == MOST_TENSORS - 10
    assert time.process_time() - began < 8  # 0.2 on a quiet machine; a bound against quadratic work, not a timing


@pytest.mark.parametrize("size", [0, 5, 8, 9])
def test_a_stub_of_a_file_is_refused(tmp_path, size):
    (tmp_path / "x.safetensors").write_bytes(bytes(size))
    with pytest.raises(ModelError, match="not a safetensors file"):
        Header.read(tmp_path / "x.safetensors")


def test_a_header_that_breaks_off_is_named_as_cut(tmp_path):
    path = written(tmp_path / "x.safetensors", {"a": tensor()})
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ModelError, match="is cut off in its header"):
        Header.read(path)


def test_formats_are_told_by_content(tmp_path):
    path = tmp_path / "x.safetensors"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}))
    for content, says in (
        (path.read_bytes(), "a pickled checkpoint"),
        (pickle.dumps({"state_dict": [1, 2, 3]}), "a pickled checkpoint"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "only a pointer of Git LFS"),
        (b"whatever it may be", "not a safetensors file"),
    ):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=says):
            Header.read(path)
