"""One JupyterLab and one Chromium for all tests that need them."""

from pathlib import Path

import nbformat
import pytest

from tests.surfaces.browser import CHROMIUM

from .lab import jupyter_lab

NOTEBOOKS = Path("notebooks").resolve()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A server whose folder holds the first notebook up to its panel and one of inpaint's, with nothing run yet."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    root = tmp_path_factory.mktemp("lab")
    first = nbformat.read(NOTEBOOKS / "01-first-picture.ipynb", as_version=4)
    last = next(n for n, cell in enumerate(first.cells) if "studio.panel(" in cell.source and cell.cell_type == "code")
    first.cells, first.metadata = first.cells[: last + 1], {"kernelspec": first.metadata.kernelspec}
    for cell in (cell for cell in first.cells if cell.cell_type == "code"):
        cell.outputs, cell.execution_count = [], None
    nbformat.write(first, root / "first.ipynb")
    first.cells[-1].source = 'import studio\nstudio.panel("inpaint")'
    first.cells = first.cells[-1:]
    nbformat.write(first, root / "inpaint.ipynb")
    with jupyter_lab(root) as address:
        yield address
