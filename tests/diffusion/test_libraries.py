"""Whoever imports diffusers or transformers first does it with every way to the network shut, and silently."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import studio

ROOT = Path(studio.__file__).parent
LAST = {"diffusion/libraries.py", "runtime/runner.py"}
"""The door itself, and who only asks for versions when a picture is made."""
CLOSED = (
    "import huggingface_hub, diffusers, transformers; assert huggingface_hub.constants.HF_HUB_OFFLINE;"
    "import logging; assert not logging.getLogger('diffusers').isEnabledFor(logging.WARNING);"
    "constants = diffusers.utils.constants; assert constants.DIFFUSERS_DISABLE_REMOTE_CODE;"
    "assert not constants.DIFFUSERS_TRUST_REMOTE_KERNELS"
)
FIRST = (
    "from studio.diffusion.workload import workload; from studio.library import Library;"
    "from studio.parameters.request import Request;"
    "asked = Request(prompt='a star', steps=3, guidance=2.0, width=64, height=64, sampler='Heun');"
    "workload(Library.from_environment().models.find('spark'), asked)"
)
LOOSE = {"DIFFUSERS_DISABLE_REMOTE_CODE": "0", "DIFFUSERS_TRUST_REMOTE_KERNELS": "1"}


def test_nothing_goes_to_the_network_where_work_is_only_counted():
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "DIFFUSERS", "TRANSF"))}
    subprocess.run([sys.executable, "-c", f"{FIRST}; {CLOSED}"], check=True, env={**quiet, **LOOSE})


def test_no_module_imports_them_past_the_door():
    past = {
        f"{path.relative_to(ROOT).as_posix()}: {alias.name}"
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import) and path.relative_to(ROOT).as_posix() not in LAST
        for alias in node.names
        if alias.name in ("diffusers", "transformers")
    }
    assert not past
