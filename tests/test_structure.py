"""The layout in DESIGN.md: names mean one thing, modules have a readable size, tests mirror packages."""

import ast
from collections import defaultdict
from pathlib import Path

import studio

HOME = Path(studio.__file__).parent
MODULES = sorted(HOME.rglob("*.py"))
TESTS = Path(__file__).parent


def test_a_public_class_has_a_name_of_its_own():
    homes = defaultdict(list)
    for file in MODULES:
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(file.relative_to(HOME).as_posix())
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_no_module_is_longer_than_350_lines():
    files = [*MODULES, *HOME.rglob("*.js")]
    assert [file.name for file in files if len(file.read_text("utf-8").splitlines()) > 350] == []


def test_each_folder_of_tests_is_a_package_of_the_studio():
    folders = {file.parent.relative_to(TESTS) for file in TESTS.rglob("test_*.py")} - {Path("torture")}
    assert [folder for folder in sorted(folders) if not (HOME / folder / "__init__.py").is_file()] == []
