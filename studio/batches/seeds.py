"""Seeds for rows without one: the same on every run, so that finished pictures are found again."""

import hashlib
import json
from collections import Counter
from typing import Any

from studio.workflow.job import Job

_BYTES = 4  # a seed has 32 bits


class Seeds:
    """Derives a row's seed from what it requests, and from how many rows before it requested the same.

    So an inserted row changes no other row's picture, and rows that request the same get different pictures.
    """

    def __init__(self) -> None:
        self._requested: Counter[bytes] = Counter()

    def draw(self, job: Job) -> int:
        """The seed of the row whose first picture ``job`` makes."""
        request = _digest([job.definition, _content(job)])
        self._requested[request] += 1
        return int.from_bytes(_digest([request.hex(), self._requested[request]])[:_BYTES], "big")


def _content(job: Job) -> dict[str, Any]:
    """The values, of lists the first, and of pictures their hash: their files may be elsewhere another time."""
    pictures = {name: job.pins[pin] for name in job.values if (pin := f"picture:{name}") in job.pins}
    return {name: job.value(name) for name in job.values} | pictures


def _digest(value: Any) -> bytes:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
