"""Estimates what a batch will take: from earlier pictures of this machine, else from two made to measure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from studio.batches import speed
from studio.batches.plan import BatchPlan, Power, Prices
from studio.batches.speed import Measurement, Shape, Speed
from studio.batches.task import Task
from studio.files.untrusted import is_folder
from studio.library import Library
from studio.pictures import fast_record
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

_FEW: Final = 3  # tasks of a kind that are examined
_KINDS: Final = 200  # kinds that are examined one by one


class Group(NamedTuple):
    """Tasks that take equally long, and how long each takes."""

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
) -> BatchPlan:
    """What making the ``tasks`` without a picture in ``out`` takes, from how long the pictures in ``folders`` took.

    If those say nothing about a model, two of its pictures are made and thrown away; ``say`` is called before.
    ``watts`` is the power the machine draws, if it is known better than by measuring.
    """
    from studio.tensors import hardware
    from studio.train.cost import estimate

    device = hardware.pick_device(session.settings.device)
    known, power = speed.measurements(folders, hardware.device_name(device)), Power(*estimate(device))
    missing, groups = _missing(tasks, out), list[Group]()
    for shape, alike in _alike(missing, session.library):
        found = speed.of(shape, known)
        if not found:
            say(f"no picture made here shows how fast {' and '.join(shape.models)} is; making two to measure it")
            measurement, power = _probed(alike[0].job, session)
            known.append(measurement)
            found = speed.by_probe(shape, measurement)
        groups.append(Group(alike, found))
    if watts is not None:
        power = Power(watts, f"{watts:g} W, as you say")
    return _sum(groups, len(tasks) - len(missing), power, prices)


def foreseen(tasks: Sequence[Task], out: Path, folders: Iterable[Path], session: Session) -> BatchPlan | None:
    """As ``forecast``, but without making pictures to measure: None if earlier ones do not suffice."""
    from studio.tensors import hardware
    from studio.train.cost import estimate

    device, missing = hardware.pick_device(session.settings.device), _missing(tasks, out)
    known = speed.measurements(folders, hardware.device_name(device))
    groups = [
        Group(alike, found) for shape, alike in _alike(missing, session.library) if (found := speed.of(shape, known))
    ]
    if sum(len(group.tasks) for group in groups) < len(missing):
        return None
    return _sum(groups, len(tasks) - len(missing), Power(*estimate(device)), Prices())


def _missing(tasks: Iterable[Task], out: Path) -> list[Task]:
    """The tasks whose pictures are not in the folder."""
    there = {fast_record.key(file) for file in fast_record.pictures(out)} if is_folder(out) else set()
    return [task for task in tasks if task.key not in there]


def _alike(tasks: Sequence[Task], library: Library) -> Iterator[tuple[Shape, list[Task]]]:
    """Groups of tasks that differ only in prompts and pictures, with the shape of some of them; or, if there are too
    many groups to examine each, all tasks of the same models together."""
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


def _probed(job: Job, session: Session) -> tuple[Measurement, Power]:
    """Two pictures; the first also pays for loading the model, so the second counts."""
    from studio.tensors import hardware
    from studio.train.cost import Meter

    with TemporaryDirectory() as folder:
        pictures = session.run(job.model_copy(update={"count": 2}), out=Path(folder))
        next(pictures)
        meter = Meter(hardware.pick_device(session.settings.device))
        second = next(pictures)
        seconds, cost = float(second.record["seconds"]), meter.read()
        measurement = Measurement(Shape.of(session.library, job), seconds, second.path.stat().st_size, probe=True)
    return measurement, Power(cost.joules / seconds, cost.how)


def _sum(groups: Sequence[Group], there: int, power: Power, prices: Prices) -> BatchPlan:
    counts = Counter[str]()
    for group in groups:
        counts[group.speed.how] += len(group.tasks)
    typical, least, most, size = (
        sum(getattr(group.speed, what) * len(group.tasks) for group in groups)
        for what in ("typical", "least", "most", "bytes")
    )
    measured = tuple(how if len(counts) == 1 else f"{speed.pictures(count)}: {how}" for how, count in counts.items())
    return BatchPlan(counts.total(), there, typical, least, most, size, measured, power, prices)
