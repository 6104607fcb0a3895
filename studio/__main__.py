"""``python -m studio`` is the command ``studio``, where that is not on the path."""

from studio.surfaces.cli import main

main()
