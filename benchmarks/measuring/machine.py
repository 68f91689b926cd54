"""What else runs on this machine: how much of the processors others use, before and while we measure.

A load average tells it badly, since it remembers our own last minutes. Here the time that all processors were busy,
from /proc/stat, is taken less the time that this process and its children used (torch's spinning threads among them).
"""

import os
import time
from pathlib import Path

BUSY_CORES = 0.1  # others that use more than this make figures doubtful
STAT = Path("/proc/stat")


class Watch:
    """Cores that others have used on average since it was made, or since the last call of `others`.

    >>> watch = Watch()
    >>> used = watch.others()  # None on a system without /proc/stat
    >>> used is None or 0 <= used <= (os.cpu_count() or 1)
    True
    """

    def __init__(self) -> None:
        self._last = _clocks()

    def others(self) -> float | None:
        """Busy cores that were not ours; None where the system does not tell."""
        before, self._last = self._last, _clocks()
        if before is None or self._last is None:
            return None
        busy, own, elapsed = (now - then for now, then in zip(self._last, before, strict=True))
        return round(min(max(0.0, busy - own) / max(elapsed, 0.01), os.cpu_count() or 1), 2)


def others(seconds: float = 1.0) -> float | None:
    """Cores that others use while this process sleeps."""
    watch = Watch()
    time.sleep(seconds)
    return watch.others()


def _clocks() -> tuple[float, float, float] | None:
    """Seconds that all processors were busy, that this process and its children ran, and of the clock on the wall."""
    if not STAT.is_file():
        return None
    line = STAT.read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _waiting, interrupt, soft, stolen = (int(field) for field in line[:8])
    own = os.times()
    busy = (user + nice + system + interrupt + soft + stolen) / os.sysconf("SC_CLK_TCK")
    return busy, own.user + own.system + own.children_user + own.children_system, own.elapsed


def remark(before: float | None, during: float | None = None) -> str:
    """A line for whoever reads the figures; "" where the machine was quiet.

    >>> remark(0.02, 0.05), remark(None)
    ('', '')
    >>> print(remark(0.02, 1.3))
    The machine was busy (others used 1.3 cores): no final figures, least of all for torch, whose waiting threads spin.
    """
    used = max((value for value in (before, during) if value is not None), default=0.0)
    if used <= BUSY_CORES:
        return ""
    return (
        f"The machine was busy (others used {used} cores): no final figures, least of all for torch, whose waiting "
        "threads spin."
    )
