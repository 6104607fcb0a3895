"""Finds out what a batch will take: from what this machine has made, else from two pictures made to measure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from studio.batches import speed
from studio.batches.plan import Plan, Power, Prices
from studio.batches.speed import Sample, Shape, Speed
from studio.batches.task import Task
from studio.files.untrusted import is_folder
from studio.library import Library
from studio.pictures import fast_record
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

_FEW: Final = 3  # tasks of a kind that are looked at
_KINDS: Final = 200  # at most, of which each is looked at


class Group(NamedTuple):
    """Tasks that take equally long, and how long."""

    tasks: Sequence[Task]
    speed: Speed


def forecast(
    tasks: Sequence[Task],
    out: Path,
    folders: Iterable[Path],
    session: Session,
    watts: float | None,
    prices: Prices,
    say: Callable[[str], None],
) -> Plan:
    """What making those ``tasks`` takes whose pictures are not in ``out``, by how fast those in ``folders`` were made.

    Where those tell nothing of a model, two of its pictures are made and thrown away, and ``say`` is told before.
    ``watts`` is what the machine draws, where that is known better than it can be found out.
    """
    from studio.tensors import hardware
    from studio.train.cost import estimate

    device = hardware.pick_device(session.settings.device)
    known, power = speed.samples(folders, hardware.device_name(device)), Power(*estimate(device))
    missing, groups = _missing(tasks, out), list[Group]()
    for shape, alike in _alike(missing, session.library):
        found = speed.of(shape, known)
        if not found:
            say(f"nothing made here tells how fast {' and '.join(shape.models)} is; making two pictures to measure it")
            sample, power = _probed(alike[0].job, session)
            known.append(sample)
            found = speed.by_probe(shape, sample)
        groups.append(Group(alike, found))
    if watts is not None:
        power = Power(watts, f"{watts:g} W, as you say")
    return _sum(groups, len(tasks) - len(missing), power, prices)


def foreseen(tasks: Sequence[Task], out: Path, folders: Iterable[Path], session: Session) -> Plan | None:
    """As ``forecast``, but nothing is made to find out: None where what was made here does not tell it of all."""
    from studio.tensors import hardware
    from studio.train.cost import estimate

    device, missing = hardware.pick_device(session.settings.device), _missing(tasks, out)
    known = speed.samples(folders, hardware.device_name(device))
    groups = [
        Group(alike, found) for shape, alike in _alike(missing, session.library) if (found := speed.of(shape, known))
    ]
    if sum(len(group.tasks) for group in groups) < len(missing):
        return None
    return _sum(groups, len(tasks) - len(missing), Power(*estimate(device)), Prices())


def _missing(tasks: Iterable[Task], out: Path) -> list[Task]:
    """Those whose pictures are not in the folder."""
    there = {fast_record.key(file) for file in fast_record.pictures(out)} if is_folder(out) else set()
    return [task for task in tasks if task.key not in there]


def _alike(tasks: Sequence[Task], library: Library) -> Iterator[tuple[Shape, list[Task]]]:
    """Tasks that differ in words and pictures alone, with the shape of some of them; or, where there are too many
    kinds to look at each, all together."""
    inputs = Workflow(tasks[0].job.workflow, tasks[0].job.definition).inputs() if tasks else {}
    deciding = [name for name, parameter in inputs.items() if not parameter.kind.takes]
    kinds = _grouped(tasks, lambda job: (job.models(), [job.values[name] for name in deciding]))
    few = _FEW
    if len(kinds) > _KINDS:
        kinds, few = _grouped(tasks, Job.models), _KINDS
    for alike in kinds:
        yield Shape.of(library, *(task.job for task in alike[:: -(-len(alike) // few)])), alike


def _grouped(tasks: Iterable[Task], by: Callable[[Job], object]) -> list[list[Task]]:
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(repr(by(task.job)), []).append(task)
    return [*groups.values()]


def _probed(job: Job, session: Session) -> tuple[Sample, Power]:
    """Two pictures; the first also pays for loading the model, so the second counts."""
    from studio.tensors import hardware
    from studio.train.cost import Meter

    with TemporaryDirectory() as folder:
        pictures = session.run(job.model_copy(update={"count": 2}), out=Path(folder))
        next(pictures)
        meter = Meter(hardware.pick_device(session.settings.device))
        second = next(pictures)
        seconds, cost = float(second.record["seconds"]), meter.read()
        sample = Sample(Shape.of(session.library, job), seconds, second.path.stat().st_size, probe=True)
    return sample, Power(cost.joules / seconds, cost.how)


def _sum(groups: Sequence[Group], there: int, power: Power, prices: Prices) -> Plan:
    counts = Counter[str]()
    for group in groups:
        counts[group.speed.how] += len(group.tasks)
    typical, least, most, size = (
        sum(getattr(group.speed, what) * len(group.tasks) for group in groups)
        for what in ("typical", "least", "most", "bytes")
    )
    measured = tuple(how if len(counts) == 1 else f"{speed.pictures(count)}: {how}" for how, count in counts.items())
    return Plan(counts.total(), there, typical, least, most, size, measured, power, prices)
