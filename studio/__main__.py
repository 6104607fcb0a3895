"""The command ``studio``, also as ``python -m studio``; it hears Ctrl+C before it imports anything that takes time."""

import sys

from studio.cli.stopping import Stopping


def main() -> None:
    """Run what this process's arguments say and end the process, with an exit code as in ``cli.app.main``."""
    serving = sys.argv[1:2] in (["app"], ["serve"])
    stopping = Stopping(code=0 if serving else 1)
    try:
        stopping.begin()
        from studio.cli.app import main as command

        command()
    except SystemExit:
        if stopping.asked:
            stopping.leave()
        raise
    except BaseException:
        if stopping.asked:  # whatever became of the interruption on its way up
            stopping.end()
        raise


if __name__ == "__main__":
    main()
