"""A budget of seconds."""

import time


class TimeIsOver(Exception):
    """Work stopped cleanly at its deadline; what it kept is taken up by the next call."""


class Deadline:
    """So many seconds from now.

    >>> 0 < Deadline(60).left() <= 60
    True
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until then; negative afterwards."""
        return self._end - time.monotonic()

    def check(self) -> None:
        """Raise TimeIsOver once the time is over."""
        if self.left() <= 0:
            raise TimeIsOver
