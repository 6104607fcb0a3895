"""``studio batch``: many pictures from a table, or a grid."""

import json as plain
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

from studio.cli.terminal import say
from studio.errors import InputError, Problem, TableError
from studio.files.printable import printable

if TYPE_CHECKING:
    from studio.batches.batch import Batch
    from studio.batches.plan import Prices
    from studio.batches.run_batch import BatchResult
    from studio.runtime.events import Event
    from studio.runtime.executors.executor import Executor
    from studio.runtime.session import Session

_FAILED, _WRONG_USE = 1, 2
_MOST: Final = 40  # problems that can be read at once
_WIDE: Final = 60  # characters of a column's name
_STOPPED: Final = "stopped; every finished picture is kept, and the same command goes on"

Engine = Literal["local", "ray"]
Several = Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True, show_default=False)]
Set = Annotated[tuple[str, ...], Parameter(name="--set", negative="", consume_multiple=True, show_default=False)]
PlanOnly = Annotated[bool, Parameter(name="--plan", negative="")]


def batch(
    table: str | None = None,
    *,
    workflow: str,
    out: Path,
    grid: Several = (),
    set_: Set = (),
    name: str = "",
    keep: Several = (),
    plan: PlanOnly = False,
    retry: Literal["failed"] | None = None,
    engine: Engine = "local",
    address: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    encoding: str = "",
    watts: float | None = None,
    price_per_kwh: float | None = None,
    api_price: float | None = None,
) -> int:
    """Make a picture of every row of a table. The same command goes on and makes only what is missing.

    studio batch products.csv --workflow text-to-image --out shop --plan

    The first row names the columns: the workflow's inputs (studio show NAME), seed, and count for so many of each. An
    empty cell takes the default; pictures are found from the table's folder on. All that is wrong is listed before
    anything is made. A grid crosses each row with values, or makes pictures alone:

    studio batch products.csv --workflow poster --out shop --grid size=512x512,768x512 language=en,de

    An axis that is no input chooses columns: title.en where language is en, title.de where it is de. Rows without a
    seed get one from what they ask for, the same each time.

    Parameters
    ----------
    table:
        A .csv, .tsv, .jsonl or .xlsx file; of a workbook the first sheet, or that of TABLE.xlsx#Sheet.
    workflow:
        A workflow's name, or a workflow file.
    out:
        Folder for the pictures, the contact sheet, and the manifest of what became of every row.
    grid:
        Inputs and the values to try, each combination: steps=10,20 guidance=3..9:2
    set_:
        Inputs and their values for all rows, whatever their cells say: steps=30 size=512x512
    name:
        Names of files, and of folders: "{language}/{sku}-{size}-{n}". Columns, inputs and axes are fields, and {row},
        {key}, {item}. Without it, by the column name, file, id or sku, else by the prompt.
    keep:
        Columns that are no input and only go into the manifest; all keeps every one.
    plan:
        Say how many pictures that makes, how long it takes, and what it costs; make none.
    retry:
        Make those rows that failed before, and no others.
    engine:
        Where pictures are made: in this process, or by the workers of a Ray cluster.
    address:
        Of a running cluster, 10.0.0.5:6379, or auto for that of this machine; without it one is started here.
    json:
        Print each picture's whole record, or the plan, as JSON.
    encoding:
        Of a text file that is neither UTF-8 nor UTF-16: latin-1, cp1252.
    watts:
        What this machine draws while it makes pictures.
    price_per_kwh:
        What you pay for electricity.
    api_price:
        What a commercial API charges for a picture, to compare.
    """
    from studio.batches.executor_factory import executor_of
    from studio.batches.plan import Prices
    from studio.runtime.session import Session

    session = Session()
    try:
        wanted = _asked(table, workflow, grid, set_, name, keep, encoding, session)
    except TableError as error:
        return _list(error.problems)
    if plan:
        return _plan(wanted, out, session, watts, Prices(price_per_kwh, api_price), json=json)
    return _make(wanted, out, executor_of(engine, session, address), retry=retry is not None, json=json)


def _asked(
    table: str | None,
    workflow: str,
    grid: Sequence[str],
    set_: Sequence[str],
    name: str,
    keep: Sequence[str],
    encoding: str,
    session: "Session",
) -> "Batch":
    from studio.batches import tasks
    from studio.batches.tables import files
    from studio.cli.options import read_settings
    from studio.parameters.value_lists import Axis, listed
    from studio.workflow.workflow import Workflow

    if not (table or grid):
        raise InputError("say what to make: a table, or --grid with an input and its values")
    rows = files.read(table, encoding) if table else tasks.ALONE
    axes, kept = map(Axis.parse, grid), [column for text in keep for column in listed(text)]
    loaded = Workflow.load(workflow, session.library)
    return tasks.batch(loaded, session.library, rows, axes, read_settings(set_), name, kept)


def _list(problems: Sequence[Problem]) -> int:
    """All problems, as a table."""
    many = "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
    say(f"studio: fix {many} to start; nothing was made", error=True)
    cells = [(str(row or "-"), printable(column)[:_WIDE] or "-", reason) for row, column, reason in problems[:_MOST]]
    head = ("row", "column", "reason")
    wide = max(len(column) for _, column, _ in (head, *cells))
    for row, column, reason in (head, *cells):
        say(f"  {row:>6}  {column:{wide}}  {reason}", error=True)
    if len(problems) > _MOST:
        say(f"  and {len(problems) - _MOST:,} more", error=True)
    return _WRONG_USE


def _plan(wanted: "Batch", out: Path, session: "Session", watts: float | None, prices: "Prices", *, json: bool) -> int:
    from studio.batches.forecast import forecast

    folders = (out, session.settings.output)
    estimate = forecast(wanted.tasks, out, folders, session, watts, prices, lambda text: say(text, error=True))
    say(*([plain.dumps(asdict(estimate) | {"kwh": estimate.kwh})] if json else estimate.lines()))
    return 0


def _make(wanted: "Batch", out: Path, executor: "Executor", *, retry: bool, json: bool) -> int:
    """Fill the folder and print each picture as it is done; Ctrl+C stops within a step."""
    from studio.batches.run_batch import fill

    printer = _Printer(json=json)
    try:
        filled = fill(wanted, out, executor, printer, retry=retry)
    except KeyboardInterrupt:
        printer.line(_STOPPED)
        return _FAILED
    printer.end(filled, out)
    return _FAILED if filled.failed else 0


class _Printer:
    """Prints each picture as it is done, each row that fails, and the progress in between."""

    def __init__(self, *, json: bool) -> None:
        self._json, self._reported = json, set[int]()

    def __call__(self, event: "Event") -> None:
        from studio.batches.progress import RowFailed
        from studio.cli.progress_line import picture_line, show
        from studio.cli.stopping import at_work
        from studio.runtime.events import Made

        at_work(lambda: _STOPPED)
        show(event)
        if isinstance(event, Made):
            show(None)
            say(picture_line(event.picture, json=self._json))
        if isinstance(event, RowFailed):
            self._fail(event.row, event.problem)

    def end(self, filled: "BatchResult", out: Path) -> None:
        """Print the result, with failed rows that were not printed yet."""
        from studio.batches.speed import pictures

        for failed in filled.failed[:_MOST]:
            if failed.task.row not in self._reported:
                self._fail(failed.task.row, failed.problem)
        there = f", {filled.there:,} were there" if filled.there else ""
        self.line(f"{pictures(len(filled.made))} made{there}; all is in '{out}'")
        if filled.failed:
            self.line(
                f"{pictures(len(filled.failed))} could not be made; what was tried is tried again by --retry failed"
            )

    def _fail(self, row: int, problem: str) -> None:
        self._reported.add(row)
        self.line(f"row {row}: {problem}" if row else problem)

    def line(self, text: str) -> None:
        """A line of its own on stderr."""
        from studio.cli.progress_line import show

        show(None)
        say(text, error=True)
