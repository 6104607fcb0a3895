"""The panel as the README shows it: ``python -m tests.notebook.screenshot``."""

import sys
import tempfile
from pathlib import Path

import nbformat
from PIL import Image
from playwright.sync_api import expect

from tests.notebook.jupyter import Notebook, jupyter, window

PICTURE = Path("assets/pictures/notebook.png")
PANEL = """\
import studio

panel = studio.panel()
panel"""
PROMPTS = ("teal zigzag on cream", "a green tree on cream", "a pink moon on navy", "a red heart on cream")
WORK = f"""\
for n, prompt in enumerate({PROMPTS}):
    panel.values = {{"prompt": prompt, "seed": 3 + n}}
    panel.generate().wait()"""


def main(file: Path = PICTURE, theme: str = "JupyterLab Light") -> None:
    """Make pictures in a panel in JupyterLab, and a picture of that."""
    with tempfile.TemporaryDirectory() as root:
        cells = [nbformat.v4.new_code_cell(source) for source in (PANEL, WORK)]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), Path(root) / "Pictures.ipynb")
        with jupyter(Path(root), theme) as server, window(1300, 940) as page:
            notebook = Notebook(page, f"{server}/lab/tree/Pictures.ipynb?reset")
            page.keyboard.press("Control+b")
            notebook.run_all()
            tiles = notebook.panel.get_by_role("group", name="Pictures of this panel").get_by_role("button")
            expect(tiles).to_have_count(len(PROMPTS), timeout=300_000)
            page.locator(".jp-Notebook .jp-Cell").first.scroll_into_view_if_needed()
            page.wait_for_timeout(500)
            page.screenshot(path=file)
    Image.open(file).convert("RGB").quantize(192).save(file, optimize=True)
    print(f"{file}: {file.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main(*(Path(argument) if n == 0 else argument for n, argument in enumerate(sys.argv[1:])))
