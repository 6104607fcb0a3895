"""Prints the figures of a torture as they come, and exits 1 where one does not hold."""

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.torture import disk, four, full, fuzz, hostile, kill, queued, soak, training

TORTURES = {
    "kill": kill.run,
    "four": four.run,
    "disk": disk.run,
    "full": full.run,
    "queue": queued.run,
    "soak": soak.run,
    "fuzz": fuzz.run,
    "hostile": hostile.run,
    "train": training.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=sys.modules["tests.torture"].__doc__)
    parser.add_argument("name", choices=TORTURES, help="; ".join(f"{name}: {_about(name)}" for name in TORTURES))
    parser.add_argument(
        "--tasks", type=int, help="pictures, jobs, requests, files or steps, as many as each is made for without it"
    )
    parser.add_argument("--points", type=int, help="kill, full and train: how often it is killed")
    parser.add_argument("--folder", type=Path, help="where to work, to try a disk: a new folder in this one")
    asked = parser.parse_args()
    sizes = {name: value for name in ("tasks", "points") if (value := getattr(asked, name))}
    with TemporaryDirectory(dir=asked.folder) as folder:
        os.environ["STUDIO_STATE"] = str(Path(folder, "state"))  # none of the models that somebody has added
        print(f"{asked.name}: {_about(asked.name)}", flush=True)
        return TORTURES[asked.name](Path(folder), **sizes).end()


def _about(name: str) -> str:
    return sys.modules[TORTURES[name].__module__].__doc__.splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
