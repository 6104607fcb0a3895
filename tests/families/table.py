"""The table of families and what each can do, in the docs: ``python -m tests.families.table`` writes it anew.

Every cell is what really ran, on a tiny model of the family's true architecture; a test compares each row.
"""

import tempfile
from pathlib import Path

from studio import plugins
from studio.config import shipped
from studio.families import Family
from studio.models.card import ModelCard
from tests.families import tiny
from tests.families.columns import COLUMNS, YES, Model

FILE = shipped("assets") / "families.md"
HEAD = """# Model families

What runs, tried on small models of each family's true architecture with random weights, loaded from folders in
diffusers' layout and from single files in that of their makers: two steps on a CPU. The tests make this table and hold
it to what they see; `make docs` writes it anew. An empty cell means that the family has no such thing, or none here.

| model | {columns} |
|---|{rules}
"""


def row(card: ModelCard) -> str:
    """One model's line, by running all that it can do."""
    model = Model(card)
    return _line(card.family.title, (column(model) for column in COLUMNS.values()))


def absent() -> list[str]:
    """A line for each variant that cannot run without a package that the studio does not have."""
    lacking = (each for each in everything() if each.pipelines.requires)
    return [_line(each.title, [f"needs {each.pipelines.requires}", *[""] * (len(COLUMNS) - 1)]) for each in lacking]


def everything() -> list[Family]:
    """All families, and their variants."""
    families = [plugins.find("families", name).FAMILY for name in plugins.names("families")]
    return [each for family in families for each in (family, *family.variants.values())]


def _line(title, cells):
    marks = {YES: "✓", "": " "}
    return f"| {title} | {' | '.join(marks.get(cell, cell) for cell in cells)} |"


def written() -> dict[str, str]:
    """The lines of the file, by the model's title."""
    lines = FILE.read_text("utf-8").splitlines()
    return {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}


def main() -> None:
    head = HEAD.format(columns=" | ".join(COLUMNS), rules=":-:|" * len(COLUMNS))
    with tempfile.TemporaryDirectory() as where:
        rows = [row(ModelCard.read(tiny.folder(name, Path(where)))) for name in tiny.BUILDERS]
    FILE.write_text(head + "\n".join((*rows, *absent())) + "\n", "utf-8")
    print(FILE)


if __name__ == "__main__":
    main()
