"""The built wheel, in an environment that holds nothing but what the wheel declares."""

import re
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_wheel_makes_a_picture_outside_the_checkout(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("studio_diffusion-*.whl")
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    site = next(home.glob("lib/python*/site-packages"))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(site), str(wheel)],
        check=True, capture_output=True,
    )  # fmt: skip
    for name in declared("studio-diffusion"):
        expose(distribution(name), site)
    command = [
        home / "bin" / "python",
        "-m",
        "studio",
        "run",
        "text-to-image",
        "--prompt",
        "a red circle",
        "--steps",
        "2",
    ]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / made.stdout.strip()).is_file()
    listed = subprocess.run([*command[:3], "workflows"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "image-to-image" in listed.stdout


def declared(root: str) -> set[str]:
    """Every distribution that ``root`` needs, directly or not, by its own metadata."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = [root]
    while waiting:
        for line in distribution(waiting.pop()).requires or []:
            need = Requirement(line)
            name = re.sub(r"[-_.]+", "-", need.name).lower()
            if name not in found and (need.marker is None or need.marker.evaluate({"extra": ""})):
                found.add(name)
                waiting.append(name)
    return found


def expose(package: Distribution, site: Path) -> None:
    """Link a distribution's files into another environment."""
    for top in {file.parts[0] for file in package.files or [] if file.parts[0] not in ("..", "__pycache__")}:
        link, target = site / top, Path(str(package.locate_file(top)))
        if target.exists() and not link.exists():
            link.symlink_to(target)
