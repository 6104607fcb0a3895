"""The command ``studio``, also as ``python -m studio``. It handles Ctrl+C before it imports slow modules."""

import sys

from studio.cli.stopping import SignalHandler


def main() -> None:
    """Run the command in this process's arguments, and exit with the codes of ``cli.app.main``."""
    serving = sys.argv[1:2] in (["app"], ["serve"])
    handler = SignalHandler(code=0 if serving else 1)
    try:
        handler.begin()
        from studio.cli.app import main as command

        command()
    except SystemExit:
        if handler.stopped:
            handler.leave()
        raise
    except BaseException:
        if handler.stopped:  # however a library has changed the exception
            handler.end()
        raise


if __name__ == "__main__":
    main()
