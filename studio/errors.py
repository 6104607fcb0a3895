"""Everything that can go wrong in a way a user can mend.

    StudioError
    ├── InputError        what was asked for is wrong: nothing was started, nothing written
    │   └── WorkflowError   a workflow file is wrong
    ├── ModelError        a model's files are missing, changed or of a kind not known here
    ├── OutputError       a picture could not be written; earlier ones are untouched
    ├── OutOfMemory       a picture does not fit into memory, whatever is done; the next job may
    └── Cancelled         somebody stopped the run

Each message is one line that says what was wrong, where, and what to do. Surfaces catch
these; nobody else does.
"""


class StudioError(Exception):
    """Base of every error the studio raises on purpose."""


class InputError(StudioError):
    """What was asked for is wrong; nothing was started and nothing written."""


class WorkflowError(InputError):
    """A workflow file is wrong."""


class ModelError(StudioError):
    """A model's files are missing, changed or of a kind not known here."""


class OutputError(StudioError):
    """A picture could not be written; earlier pictures are untouched."""


class OutOfMemory(StudioError):
    """A picture does not fit into memory, whatever is done."""


class Cancelled(StudioError):
    """Somebody stopped the run."""
