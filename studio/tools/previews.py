"""Make every workflow's preview picture again: ``python -m studio.tools.previews [NAME …]``.

A workflow is run with its ``preview`` values, and its pictures are placed side by side, after the
picture and the mask that it started with, if any.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from PIL import Image, ImageDraw, ImageOps

from studio.config import shipped
from studio.images.image_file import open_image
from studio.images.transparency import on_ground
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow, workflow_names

_WIDTH, _GAP, _ROW = 512, 8, 4
_START: Final = "start"
_LARGEST: Final = 40_000  # bytes


def main() -> None:
    """Write ``assets/previews/NAME.webp`` for each workflow, or for the named ones."""
    session, folder = Session(), shipped("assets") / "previews"
    folder.mkdir(exist_ok=True)
    for name in sys.argv[1:] or workflow_names():
        _save(preview(session, Workflow.load(name)), folder / f"{name}.webp")
        print(folder / f"{name}.webp")


def preview(session: Session, workflow: Workflow) -> Image.Image:
    """One picture, 512 pixels wide, of what a workflow does."""
    with TemporaryDirectory() as scratch:
        return _strip(_pictures(session, _shown(workflow), Path(scratch)))


def _shown(workflow: Workflow) -> Workflow:
    """The workflow up to the last step that its preview shows, with the inputs of these steps."""
    last = workflow.definition.preview.until
    if last in (None, _START):
        return workflow
    names = list(workflow.steps())
    kept = names[: names.index(str(last)) + 1]
    steps = {name: step for name, step in workflow.data["steps"].items() if name in kept}
    inputs = {name: spec for name, spec in workflow.data["inputs"].items() if workflow.source(name)[0] in kept}
    return Workflow.of(workflow.name, {**workflow.data, "steps": steps, "inputs": inputs})


def _pictures(session: Session, workflow: Workflow, scratch: Path) -> list[Image.Image]:
    """The pictures to show: what the workflow started with, then what it made."""
    shown = workflow.definition.preview
    begun = _begun(session, workflow, shown.start, scratch)
    made = [] if shown.until == _START else list(session.run(Job.of(workflow, {**begun, **shown.values}), out=scratch))
    return [on_ground(open_image(path)) for path in begun.values()] + [picture.image for picture in made]


def _begun(session: Session, workflow: Workflow, start: dict[str, Any], scratch: Path) -> dict[str, str]:
    """Files for the pictures and masks that the workflow requires."""
    needed = {name: field for name, field in workflow.form().model_fields.items() if field.is_required()}
    kinds = {name: parameter.kind.name for name, parameter in workflow.inputs().items() if name in needed}
    begun = {}
    if "picture" in kinds.values():
        (picture,) = session.run(Job.of(Workflow.load("text-to-image"), start), out=scratch, name="start")
        _mask(picture.image.size).save(scratch / "mask.png")
        files = {"picture": picture.path, "mask": scratch / "mask.png"}
        begun = {name: str(files[kind]) for name, kind in kinds.items() if kind in files}
    return begun


def _mask(size: tuple[int, int]) -> Image.Image:
    """A mask of everything except the rim."""
    mask, rim = Image.new("L", size), min(size) // 12
    ImageDraw.Draw(mask).rounded_rectangle((rim, rim, size[0] - rim, size[1] - rim), rim, fill="white")
    return mask


def _strip(pictures: list[Image.Image]) -> Image.Image:
    """Rows of up to four pictures of equal height, on transparency; at most 512 pixels wide."""
    rows = [_row(pictures[n : n + _ROW]) for n in range(0, len(pictures), _ROW)]
    page = Image.new("RGBA", (_WIDTH, sum(row.height for row in rows) + _GAP * (len(rows) - 1)))
    y = 0
    for row in rows:
        page.paste(row, (0, y))
        y += row.height + _GAP
    return page


def _row(pictures: list[Image.Image]) -> Image.Image:
    """Pictures side by side, as high as the width allows, at most 320 pixels."""
    free = _WIDTH - _GAP * (len(pictures) - 1)
    height = min(320, int(free / sum(picture.width / picture.height for picture in pictures)))
    scaled = [ImageOps.contain(picture, (_WIDTH, height), Image.Resampling.LANCZOS) for picture in pictures]
    row = Image.new("RGBA", (_WIDTH, height))
    x = (free - sum(shown.width for shown in scaled)) // 2
    for shown in scaled:
        row.paste(shown, (x, 0))
        x += shown.width + _GAP
    return row


def _save(page: Image.Image, path: Path) -> None:
    """Save in the best quality within the size limit."""
    for quality in range(90, 20, -10):
        page.save(path, quality=quality, method=6)
        if path.stat().st_size <= _LARGEST:
            return


if __name__ == "__main__":
    main()
