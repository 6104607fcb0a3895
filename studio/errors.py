"""Everything that can go wrong in a way a user can mend.

    StudioError
    ├── InputError        what was asked for is wrong: nothing was started, nothing written
    │   ├── WorkflowError   a workflow file is wrong
    │   └── TableError      a table's rows are wrong; it lists all that is
    ├── ModelError        a model's files are missing, changed or of a kind not known here
    ├── NotFinite         what a model made holds NaN or infinity: it would be a black picture
    ├── OutputError       a picture could not be written; earlier ones are untouched
    │   └── QueueError      the queue's file cannot be used just now; asked again later it may
    ├── OutOfMemory       a picture does not fit into memory, whatever is done; the next job may
    └── Cancelled         somebody stopped the run

Each message is one line that says what was wrong, where, and what to do. Surfaces catch
these; nobody else does.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self


def reason(error: BaseException) -> str:
    """The first line of what an error of the system or of a library says; what it is called where it says nothing."""
    text = getattr(error, "strerror", None) or str(error)
    return next(iter(text.strip().splitlines()), "") or type(error).__name__


class StudioError(Exception):
    """Base of every error the studio raises on purpose; its message stays one line, whatever names it holds."""

    def __init__(self, message: str = "") -> None:
        super().__init__(*filter(None, ("\\n".join(message.splitlines()),)))


class InputError(StudioError):
    """What was asked for is wrong; nothing was started and nothing written.

    ``wrong`` says of each input that is known to be wrong what is; surfaces show it beside the input.
    """

    def __init__(self, message: str, wrong: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.wrong = dict(wrong or {})

    @classmethod
    def about(cls, name: str, text: str) -> Self:
        """One input that is wrong: "steps: too many"."""
        return cls(f"{name}: {text}", {name: text})


class WorkflowError(InputError):
    """A workflow file is wrong."""


class Problem(NamedTuple):
    """What is wrong with a cell. ``row`` 0 is none of the table's: a grid, a fixed value, a column that is missing."""

    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        """ "row 3, steps: too many"."""
        where = ", ".join(filter(None, (f"row {self.row}" if self.row else "", self.column)))
        return f"{where}: {self.reason}" if where else self.reason


class TableError(InputError):
    """A table's rows are wrong; ``problems`` are all that was found, in the table's order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.row)
        more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
        super().__init__(f"{self.problems[0]}{more}")


class ModelError(StudioError):
    """A model's files are missing, changed or of a kind not known here."""


class NotFinite(StudioError):
    """What a model made holds NaN or infinity: it would be a black picture."""


class OutputError(StudioError):
    """A picture could not be written; earlier pictures are untouched."""


class QueueError(OutputError):
    """The queue's file cannot be read or written just now; what it holds is untouched, and asked again it may work."""


class OutOfMemory(StudioError):
    """A picture does not fit into memory, whatever is done."""


class Cancelled(StudioError):
    """Somebody stopped the run."""
