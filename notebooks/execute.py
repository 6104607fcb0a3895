"""Run notebooks from top to bottom and store them with what they show: ``python notebooks/execute.py``.

Without names it takes every notebook beside this file. Each runs in an empty folder with a history of
its own, and paths are stored as seen from that folder: nothing of this machine is kept.
"""

import base64
import json
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent


def execute(path: Path) -> None:
    """Run one notebook and store it; where a cell fails, the file stays as it was."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as place:
        folder = str(Path(place).resolve())
        environment = {**os.environ, "STUDIO_STATE": f"{folder}/.state", "PYTHONPATH": str(HERE.parent)}
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute(env=environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
    stored = nbformat.writes(notebook).replace(f"{folder}/", "").replace(folder, ".")
    _refuse_paths(stored, folder)
    path.write_text(stored + "\n", encoding="utf-8")
    print(f"{path.name}: {len(stored) // 1024} KB")


def _refuse_paths(stored: str, folder: str) -> None:
    """No path of this machine, also not in the settings that the stored pictures carry."""
    outputs = [output for cell in json.loads(stored)["cells"] for output in cell.get("outputs", [])]
    pictures = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    everything = stored.encode() + b"".join(map(base64.b64decode, pictures))
    for found in (folder, str(HERE.parent), sys.prefix):
        if found.encode() in everything:
            raise SystemExit(f"'{found}' would be stored")


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(map(str, HERE.glob("*.ipynb"))):
        execute(Path(name))
