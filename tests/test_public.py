"""The frozen public surface, and how little it costs to import."""

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import studio

HEAVY = ("torch", "diffusers", "transformers", "gradio")


def test_public_names_are_these_and_no_others():
    assert sorted(studio.__all__) == [
        "BatchProgress", "Cancelled", "Course", "InputError", "Job", "ModelError", "OutputError", "Picture", "Session",
        "StudioError", "Table", "TableError", "Training", "Workflow", "WorkflowError", "__version__", "batch",
        "captioned", "checked", "compare", "example_pictures", "gallery", "panel", "plan", "run", "train_lora",
    ]  # fmt: skip
    assert all(getattr(studio, name) is not None for name in studio.__all__)


def test_the_notebooks_need_no_inner_module():
    for path in Path("notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        sources = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        assert not re.findall(r"(?:import|from) studio\..*", sources), path


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="paint"):
        studio.paint  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "import studio",
        "from studio.cli.app import _guarded; _guarded(['--help'])",
        "from studio.cli.app import _guarded; _guarded(['workflows'])",
        "from studio.cli.app import _guarded; _guarded(['batch', '--help'])",
        "from studio.cli.app import _guarded; _guarded(['run', 'text-to-image', '--help'])",
    ],
)
def test_nothing_heavy_is_imported(code):
    check = f"{code}\nimport sys; print('LOADED', [m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "LOADED []"


def test_three_lines_from_python(tmp_path):
    picture = studio.run("text-to-image", prompt="a blue star on white", seed=7, steps=2, out=tmp_path)[0]
    assert picture.image.size == (256, 256)
    assert picture.job.seed == 7
    assert picture._repr_png_() == picture.path.read_bytes()


def test_no_package_hides_a_public_function():
    """``import studio.x`` sets the attribute ``x`` of ``studio``."""
    modules = {module.name for module in pkgutil.iter_modules(studio.__path__)}
    assert modules.isdisjoint(studio.__all__)
