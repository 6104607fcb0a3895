"""Doors of three lines: ``studio.run("text-to-image", prompt="…")``, ``studio.batch("table.csv", …)``."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.pictures.picture import Picture
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

if TYPE_CHECKING:
    from studio.batches.batch import Batch
    from studio.batches.plan import BatchPlan
    from studio.batches.run_batch import BatchResult
    from studio.runtime.events import Watch


@cache
def session() -> Session:
    """One session for the whole process, so that a model is loaded once."""
    return Session()


def run(workflow: str | Path, *, out: Path | str | None = None, **values: Any) -> list[Picture]:
    """Run a workflow (a name, or the path of a YAML file) and return its pictures.

    ``values`` are the workflow's inputs, and ``seed`` and ``count``. Without ``out`` the files go
    to the folder ``pictures``. Raises InputError for a wrong input, before anything is written.
    """
    library = session().library
    job = Job.of(Workflow.load(workflow, library), values, library)
    return list(session().run(job, out=Path(out) if out else None))


def batch(
    table: Any = None,
    *,
    workflow: str | Path,
    out: Path | str,
    grid: Mapping[str, Iterable[Any]] | None = None,
    name: str = "",
    keep: Iterable[str] = (),
    encoding: str = "",
    retry: bool = False,
    engine: str = "local",
    address: str | None = None,
    watch: "Watch | None" = None,
    **values: Any,
) -> "BatchResult":
    """Make a picture of every row of a table, what is missing of them, in the folder ``out``.

    The table is the path of a file, a list of dicts, or a data frame; its columns are the workflow's inputs.
    ``grid`` gives inputs several values each, all combinations of which are made of every row: ``{"steps": [10, 20]}``;
    without a table, of these alone. ``values`` hold for all rows. ``name`` is a template for the files' names,
    ``keep`` the columns that are no input ("all" for any). ``retry`` makes what failed before and no more. With
    the ``engine`` "ray" the workers of a Ray cluster make them, at ``address`` or started here. ``watch`` hears how it
    goes; what it raises stops the work. Raises TableError, before anything is made, whose ``problems`` are all that is
    wrong.
    """
    from studio.batches.executor_factory import executor_of
    from studio.batches.run_batch import fill

    wanted = checked(table, workflow=workflow, grid=grid, name=name, keep=keep, encoding=encoding, **values)
    executor = executor_of(engine, session(), address)
    return fill(wanted, Path(out), executor, watch or (lambda _: None), retry=retry)


def checked(
    table: Any = None,
    *,
    workflow: str | Path,
    grid: Mapping[str, Iterable[Any]] | None = None,
    name: str = "",
    keep: Iterable[str] = (),
    encoding: str = "",
    **values: Any,
) -> "Batch":
    """What ``batch`` would make, and nothing made; raises TableError as it does."""
    from studio.batches import tasks
    from studio.batches.tables import files
    from studio.batches.tables.table import text
    from studio.parameters.value_lists import Axis

    rows = tasks.ALONE if table is None else files.of(table, encoding)
    axes = [Axis(axis, tuple(map(text, several))) for axis, several in (grid or {}).items()]
    library = session().library
    return tasks.batch(Workflow.load(workflow, library), library, rows, axes, values, name, keep)


def plan(
    batch: "Batch",
    out: Path | str,
    *,
    price_per_kwh: float | None = None,
    api_price: float | None = None,
    watts: float | None = None,
) -> "BatchPlan":
    """What making that of a batch takes which is missing in ``out``: pictures, time, disk, energy, money.

    Where nothing made here tells how fast a model is, two pictures are made to measure it, and thrown away.
    """
    from studio.batches.forecast import forecast
    from studio.batches.plan import Prices

    folders, prices = (Path(out), session().settings.output), Prices(price_per_kwh, api_price)
    return forecast(batch.tasks, Path(out), folders, session(), watts, prices, print)
