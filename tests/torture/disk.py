"""A disk that is full or broken, at every single call of a batch in turn: once, and from then on."""

import errno
import hashlib
import shutil
from collections import Counter
from pathlib import Path

from studio.batches.run_batch import fill
from studio.errors import StudioError
from studio.pictures import fast_record
from tests.torture import fake
from tests.torture.faults import Disk, failing
from tests.torture.figures import Figures, torn

CODES = (errno.ENOSPC, errno.EIO)


def run(folder: Path, tasks: int = 3, every: int = 1) -> Figures:
    """Every call × both errors × once or for good, each in a folder with pictures of before; then the batch goes on.

    ``every`` leaves out all but each so-and-so-manieth of these trials.
    """
    figures = Figures()
    before = folder / "before"
    _batch(before, tasks // 2 or 1)
    calls = _calls(before, folder / "counting", tasks)
    print(f"{len(calls)} calls: {', '.join(f'{n} {call}' for call, n in Counter(calls).most_common())}", flush=True)
    trials = [(at, code, times) for at in range(1, len(calls) + 1) for code in CODES for times in (1, float("inf"))][
        ::every
    ]
    found = Counter()
    for at, code, times in trials:
        found += _trial(before, folder / "trial", tasks, at, code, times)
    figures.tell("trials", len(trials))
    figures.tell("stopped by one clean line", found["clean"])
    figures.tell("went on to the end all the same", found["ended"])
    for name in ("unclean", "torn", "earlier files changed", "not completed by the next run", "doubled"):
        figures.none(name, found[name])
    return figures


def _batch(out: Path, tasks: int) -> None:
    fill(fake.batch(tasks), out, fake.Executor(), lambda event: None)


def _calls(before: Path, out: Path, tasks: int) -> list[str]:
    shutil.copytree(before, out)
    with Disk(out).mounted() as disk:
        _batch(out, tasks)
    return disk.calls


def _trial(before: Path, out: Path, tasks: int, at: int, code: int, times: float) -> Counter:
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(before, out)
    found, earlier = Counter(), _hashes(out)
    try:
        with Disk(out, at, failing(code), times).mounted() as disk:
            _batch(out, tasks)
        found["ended"] = 1
    except StudioError as error:
        found["clean" if "\n" not in str(error) else "unclean"] = 1
    except Exception as error:
        found["unclean"] = 1
        print(f"call {at} ({disk.calls[at - 1]}): {type(error).__name__}: {error}", flush=True)
    found["torn"] = len(torn([*fast_record.pictures(out / "pictures")]))
    found["earlier files changed"] = sum(_hashes(out).get(name) != hashed for name, hashed in earlier.items())
    _batch(out, tasks)
    keys = [fast_record.key(path) for path in fast_record.pictures(out / "pictures")]
    found["not completed by the next run"] = len(set(keys)) != tasks
    found["doubled"] = len(keys) - len(set(keys))
    return found


def _hashes(out: Path) -> dict[str, str]:
    files = fast_record.pictures(out / "pictures")
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
