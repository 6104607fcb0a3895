"""Estimates how long work will still take."""

import time


class TimeLeft:
    """Seconds until ``total`` pictures are done, from how long those since the first call took.

    What came before the first call, such as loading a model, does not count.
    """

    def __init__(self, total: float | None) -> None:
        self._total = total
        self._first: tuple[float, float] | None = None  # when it was called first, and how many pictures were done

    def after(self, done: float) -> float | None:
        """The estimate when so many pictures are done, parts of pictures included; None before there is one."""
        now = time.monotonic()
        began, already = self._first = self._first or (now, done)
        if not self._total or done <= already:
            return None
        return max(0.0, (now - began) / (done - already) * (self._total - done))
