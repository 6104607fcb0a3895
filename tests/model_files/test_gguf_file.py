import struct
import time
from pathlib import Path

import numpy as np
import pytest

from studio.errors import ModelError
from studio.model_files.gguf_file import MOST_ITEMS
from studio.model_files.header import Header
from studio.model_files.tensors import LONGEST, MOST_TENSORS


def text(words: str | bytes) -> bytes:
    raw = words if isinstance(words, bytes) else words.encode()
    return struct.pack("<Q", len(raw)) + raw


def said(name, kind: int, raw: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + raw


def tensor(name, shape=(32,), kind=0, at=0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, at)


def written(path: Path, *, values=(), tensors=(), data=b"", version=3, counts=None) -> Path:
    many, more = counts or (len(tensors), len(values))
    head = b"GGUF" + struct.pack("<IQQ", version, many, more) + b"".join([*values, *tensors])
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path


FLUX = said("general.architecture", 8, text("flux"))


def test_what_the_library_writes_is_read(tmp_path):
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "flux")
    writer.add_quantization_version(2)
    writer.add_array("a.list", [1, 2, 3])
    weights, kind = np.arange(6 * 64, dtype=np.float32).reshape(6, 64), gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor("a", gguf.quantize(weights, kind), raw_dtype=kind)
    writer.add_tensor("b", np.ones(5, dtype=np.float32))
    writer.add_tensor("c", np.ones((1, 2, 4), dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = Header.read(tmp_path / "x.gguf")
    assert header.format == ".gguf"
    assert header.shapes == {"a": (6, 64), "b": (5,), "c": (1, 2, 4)}
    assert [tensor.dtype for tensor in header.tensors.values()] == ["Q8_0", "F32", "F16"]
    assert header.metadata["general.architecture"] == "flux"
    assert header.precision == "Q8_0"
    assert header.bytes_of("b") == np.ones(5, dtype=np.float32).tobytes()


def test_a_file_of_nothing_is_one(tmp_path):
    assert Header.read(written(tmp_path / "x.gguf")).tensors == {}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"version": 1}, "unknown version 1"),
        ({"version": 3 << 24}, "unknown version"),
        ({"counts": (2**63, 0)}, "more than 50,000 tensors"),
        ({"counts": (MOST_TENSORS + 1, 0)}, "more than 50,000 tensors"),
        ({"counts": (1, 0)}, "longer than the whole file"),
        ({"counts": (0, 2**63), "values": [FLUX]}, "has '' twice"),
        ({"values": [struct.pack("<Q", 2**63) + b"x"]}, "longer than the whole file"),
        (
            {"values": [said("a", 8, struct.pack("<Q", 2**40))], "data": bytes(LONGEST)},
            "longer than the 8,388,608 bytes that are allowed",
        ),
        ({"values": [said(b"\xff", 8, text("x"))]}, "text that is not UTF-8"),
        ({"values": [FLUX, FLUX]}, "has 'general.architecture' twice"),
        ({"values": [said("a", 13, b"")]}, "unknown type 13"),
        ({"values": [said("a", 9, struct.pack("<IQ", 9, 1))]}, "lists within lists"),
        ({"values": [said("a", 9, struct.pack("<IQ", 0, 2**62))], "data": bytes(2**20)}, "more than 20,000 values"),
        (
            {"values": [said("a", 9, struct.pack("<IQ", 8, MOST_ITEMS)) + text("") * MOST_ITEMS]},
            "more than 20,000 values",
        ),
        ({"values": [said("general.alignment", 4, struct.pack("<I", 0))]}, "aligns its data to 0"),
        ({"values": [said("general.alignment", 4, struct.pack("<I", 48))]}, "aligns its data to 48"),
        ({"values": [said("general.alignment", 8, text("many"))]}, "aligns its data to many"),
        ({"tensors": [tensor("a"), tensor("a", at=128)], "data": bytes(256)}, "names 'a' twice"),
        ({"tensors": [text("a") + struct.pack("<I", 2**31)]}, "gives 'a' 2147483648 dimensions"),
        ({"tensors": [tensor("a", (1,) * 5)]}, "gives 'a' 5 dimensions"),
        ({"tensors": [tensor("a", kind=99)], "data": bytes(128)}, "in a quantisation that is not supported"),
        ({"tensors": [tensor("a", (33,), kind=8)], "data": bytes(128)}, "rows that Q8_0 cannot have"),
        ({"tensors": [tensor("a", (2**40, 2**40))], "data": bytes(128)}, "is cut off"),
        ({"tensors": [tensor("a")], "data": bytes(127)}, "cut off: it has 127 of 128 bytes"),
        ({"tensors": [tensor("a")], "data": bytes(160)}, "accounts for 128 bytes of data, but 160 follow"),
        ({"tensors": [tensor("a", at=32)], "data": bytes(160)}, "at the offset 32 instead of 0"),
        ({"tensors": [tensor("a"), tensor("b", at=64)], "data": bytes(256)}, "has 'b' at the offset 64 instead of 128"),
        ({"tensors": [tensor("a", at=2**64 - 32)], "data": bytes(128)}, "instead of 0"),
    ],
)
def test_a_hostile_or_damaged_header_is_refused_quickly(tmp_path, content, says):
    path = written(tmp_path / "x.gguf", **content)
    began = time.process_time()
    with pytest.raises(ModelError, match="x.gguf") as raised:
        Header.read(path)
    assert says in str(raised.value)
    assert time.process_time() - began < 5  # 0.2 on a quiet machine


@pytest.mark.parametrize("size", [4, 7, 8, 23])
def test_a_stub_of_a_file_is_refused(tmp_path, size):
    whole = written(tmp_path / "x.gguf", values=[FLUX]).read_bytes()
    (tmp_path / "x.gguf").write_bytes(whole[:size])
    with pytest.raises(ModelError, match="longer than the whole file"):
        Header.read(tmp_path / "x.gguf")
