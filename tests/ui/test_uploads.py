"""What is uploaded is kept whole, by many at once, or refused in one line."""

import io
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from studio.errors import InputError, OutputError
from studio.server import batch_request
from studio.ui import uploads


def png(size=(64, 64)) -> bytes:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8))
    image.save(data := io.BytesIO(), "PNG")
    return data.getvalue()


def test_many_may_send_the_same_picture_at_once(tmp_path):
    data = png((256, 256))
    with ThreadPoolExecutor(8) as threads:
        files = list(threads.map(lambda _: uploads.keep(data, tmp_path), range(16)))
    assert set(files) == {files[0]}
    assert files[0].read_bytes() == data
    assert [*files[0].parent.iterdir()] == [files[0]]


def test_what_is_no_picture_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="this file"):
        uploads.keep(png()[:200], tmp_path)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_folder_that_takes_nothing_is_an_error_of_one_line(tmp_path):
    (tmp_path / "inputs").write_text("a file is in the way")
    with pytest.raises(OutputError, match=r"cannot write to '.*inputs': it is not a folder"):
        uploads.keep(png(), tmp_path)


def test_no_room_to_look_at_what_came_in_is_one_too(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    with pytest.raises(OutputError, match="not there': No such file or directory; nothing was kept"):
        uploads.keep(png(), tmp_path)
    with pytest.raises(OutputError, match="nothing was kept"):
        batch_request.table(b"prompt\na fox\n", "x.csv")
