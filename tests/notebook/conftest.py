"""One Jupyter server for all tests that need one."""

from pathlib import Path

import nbformat
import pytest

from tests.notebook.jupyter import jupyter
from tests.server.browser import CHROMIUM

NOTEBOOKS = Path("notebooks").resolve()
ALONE = {
    "panel": "import studio\n\nstudio.panel()",
    "gallery": """\
from pathlib import Path

from PIL import Image

import studio
from studio.workflow.job import Job
from studio.api import session
from studio.pictures.publish import publish

work, told = studio.Workflow.load("text-to-image"), {"studio": "0", "models": {"spark": {"sampler": "DDIM"}}}
for n in range(200):
    job, image = Job.of(work, {"prompt": f"tile {n}", "seed": n}), Image.new("RGB", (64, 64), (n, 90, 255 - n))
    session().gallery.add(publish(image, Path("tiles"), "tile", job, {**told, "prompt": f"tile {n}"}).path)
studio.gallery("tile")""",
    "inpaint": "import studio\n\nstudio.panel('inpaint')",
    "several": """\
from dataclasses import replace
from pathlib import Path

from studio.library import Library
from studio.notebook.fields import field
from studio.ui.controls import controls
from studio.workflow.workflow import Workflow

picture = next(control for control in controls(Workflow.load("inpaint")) if control.kind == "picture")
field(replace(picture, many=True), Path(), Library.from_environment()).box.add_class("studio")""",
}


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Its folder holds the first notebook up to its panel, and those in ``ALONE``; nothing has run yet."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    root = tmp_path_factory.mktemp("jupyter")
    first = nbformat.read(NOTEBOOKS / "01-first-picture.ipynb", as_version=4)
    last = next(n for n, cell in enumerate(first.cells) if "studio.panel(" in cell.source and cell.cell_type == "code")
    first.cells, first.metadata = first.cells[: last + 1], {"kernelspec": first.metadata.kernelspec}
    for cell in (cell for cell in first.cells if cell.cell_type == "code"):
        cell.outputs, cell.execution_count = [], None
    nbformat.write(first, root / "first.ipynb")
    for name, source in ALONE.items():
        first.cells = [nbformat.v4.new_code_cell(source)]
        nbformat.write(first, root / f"{name}.ipynb")
    with jupyter(root) as address:
        yield address
