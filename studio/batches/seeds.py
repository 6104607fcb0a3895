"""Seeds for rows that give none: the same on every run, so that what was made is found again."""

import hashlib
import json
from collections import Counter
from typing import Any

from studio.workflow.job import Job

_BYTES = 4  # a seed has 32 bits


class Seeds:
    """Draws a row's seed from what the row asks for, and from how many rows before it asked for the same.

    So a row put in between changes no other row's picture, and rows that ask for the same get pictures of their own.
    """

    def __init__(self) -> None:
        self._asked: Counter[bytes] = Counter()

    def draw(self, job: Job) -> int:
        """The seed of the row whose first picture ``job`` makes."""
        asked = _digest([job.definition, _content(job)])
        self._asked[asked] += 1
        return int.from_bytes(_digest([asked.hex(), self._asked[asked]])[:_BYTES], "big")


def _content(job: Job) -> dict[str, Any]:
    """The values, of lists the first, and pictures by what they hold: their files may lie elsewhere another time."""
    pictures = {name: job.pins[pin] for name in job.values if (pin := f"picture:{name}") in job.pins}
    return {name: job.value(name) for name in job.values} | pictures


def _digest(value: Any) -> bytes:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
