"""Under nbmake a notebook runs as a copy, in an empty folder and with a history of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SLOW = ("02-", "04-", "05-")  # half a minute and more each; the others use the same panel and the same widgets


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the slow notebooks to ``make slow``."""
    for item in items:
        if item.path.suffix == ".ipynb" and item.path.name.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Around each notebook; the file itself is only read."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_STATE", f"{folder}/.state")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        patch.setattr(item, "filename", shutil.copy(item.path, folder))
        return (yield)
