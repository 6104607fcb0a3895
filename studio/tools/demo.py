"""``make demo``: twelve pictures with their prompts on one sheet."""

import sys
import time
from pathlib import Path
from typing import Final

from studio.images.grid import captioned
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

PROMPTS: Final = (
    ("a red heart on cream", 1),
    ("three yellow stars on navy", 2),
    ("a green tree on white", 3),
    ("a white cloud on cyan", 4),
    ("sunset over hills, flat illustration", 5),
    ("night sky with moon and stars", 6),
    ("mountains with snow", 7),
    ("sea with sun", 8),
    ("pink polka dots on white", 9),
    ("teal zigzag on cream", 10),
    ("gradient from purple to orange, diagonal", 11),
    ("an outlined blue fish on white", 12),
)


def main() -> None:
    """Make the pictures and print the path of the sheet."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("pictures") / "demo"
    session, workflow, began = Session(), Workflow.load("text-to-image"), time.monotonic()
    made = []
    for n, (prompt, seed) in enumerate(PROMPTS, 1):
        job = Job.of(workflow, {"prompt": prompt, "seed": seed})
        made += [(prompt, picture.image) for picture in session.run(job, out=out, name="{prompt}")]
        left = (time.monotonic() - began) / n * (len(PROMPTS) - n)
        print(f"\rpicture {n} of {len(PROMPTS)}, {left:.0f} s left ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    captioned(made).save(out / "sheet.png")
    print(out / "sheet.png")


if __name__ == "__main__":
    main()
