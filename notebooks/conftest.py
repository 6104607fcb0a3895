"""Under nbmake a notebook runs as a copy, in an empty folder and with a history of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Around each notebook; the file itself is only read."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_STATE", f"{folder}/.state")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        patch.setattr(item, "filename", shutil.copy(item.path, folder))
        return (yield)
