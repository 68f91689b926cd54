"""What a step sends between devices: counted in its compiled program.

    collective          what it leaves on each of the g devices of a group       each device sends
    all-reduce          the sum of all their arrays                              2 (g - 1)/g size
    reduce-scatter      its slice of that sum                                      (g - 1)/g size
    all-gather          the array of which each had a slice                        (g - 1)/g size
    all-to-all          its slice of each one's array                              (g - 1)/g size
    collective-permute  another one's array                                                  size

Size is that of the whole array in bytes, and what is sent that of the ring algorithm, which no other one beats. A
collective in a loop of known length (a scan over layers) counts as often as the loop runs.
"""

import math
import re
from collections import Counter
from typing import NamedTuple

_KINDS = ("all-reduce", "reduce-scatter", "all-gather", "all-to-all", "collective-permute")
_OPERATION = re.compile(rf" = (\(.*?\)|\S+) ({'|'.join(_KINDS)})(-start)?\(")
_ARRAY = re.compile(r"\b([a-z]+)(\d*)(?:e\d\w*)?\[([\d,]*)\]")
_CALLED = re.compile(r"(?:calls|to_apply|body|condition|branch_computations)=(?:%([\w.\-]+)|\{([^}]*)\})")
_TRIPS = re.compile(r"known_trip_count[^0-9]*(\d+)")


class Collective(NamedTuple):
    """One of a program's collectives.

    Attributes:
        kind: its name.
        size: bytes of the whole array.
        devices: g, in a group of those that talk to each other.
        times: how often a run of the program does it.
    """

    kind: str
    size: int
    devices: int
    times: int

    @property
    def sent(self) -> float:
        """Bytes that each device sends, all times together.

        >>> Collective("all-reduce", 800, 8, 2).sent, Collective("all-gather", 800, 8, 1).sent
        (2800.0, 700.0)
        """
        if self.kind == "collective-permute":
            return float(self.size * self.times)
        return (2 if self.kind == "all-reduce" else 1) * self.size * self.times * (self.devices - 1) / self.devices


def collectives(text: str) -> list[Collective]:
    """Those of a compiled program, from its text (`jitted.lower(...).compile().as_text()`).

    >>> collectives('''ENTRY %main () -> f32[] {
    ...   %sum = f32[4,2]{1,0} all-reduce(%x), replica_groups=[1,8]<=[8], to_apply=%add
    ... }''')
    [Collective(kind='all-reduce', size=32, devices=8, times=1)]
    """
    bodies = _computations(text)
    times = _times(bodies)
    found = [_collective(line, times[name]) for name, lines in bodies.items() for line in lines if times[name]]
    return [one for one in found if one is not None and one.devices > 1]


def sent(text: str) -> dict[str, float]:
    """Kind -> bytes that each device sends in a run of a compiled program."""
    total: dict[str, float] = {}
    for one in collectives(text):
        total[one.kind] = total.get(one.kind, 0.0) + one.sent
    return total


def _computations(text: str) -> dict[str, list[str]]:
    """Name -> its lines; the entry's is ""."""
    bodies: dict[str, list[str]] = {}
    name = None
    for line in text.splitlines():
        if line.endswith("{") and not line.startswith(" "):
            head = line.split()
            name = "" if head[0] == "ENTRY" else head[0].lstrip("%")
            bodies[name] = []
        elif name is not None and line.startswith(" "):
            bodies[name].append(line)
    return bodies


def _times(bodies: dict[str, list[str]]) -> Counter[str]:
    """How often each computation runs; a loop of unknown length once."""
    times: Counter[str] = Counter()

    def run(name: str, n: int) -> None:
        times[name] += n
        for line in bodies.get(name, ()):
            trips = _TRIPS.search(line) if " while(" in line else None
            for one, several in _CALLED.findall(line):
                for called in [one] if one else re.findall(r"[\w.\-]+", several):
                    if called in bodies:
                        run(called, n * int(trips[1]) if trips else n)

    run("", 1)
    return times


def _collective(line: str, times: int) -> Collective | None:
    match = _OPERATION.search(line)
    if match is None:
        return None
    shapes, kind, started = match.groups()
    sizes = [_bytes(*array) for array in _ARRAY.findall(shapes)]
    if started and kind in ("all-gather", "collective-permute"):  # what goes in stands before what comes out
        sizes = sizes[len(sizes) // 2 :] if kind == "all-gather" else sizes[1:2]
    devices = _group(line)
    return Collective(kind, sum(sizes) * (devices if kind == "reduce-scatter" else 1), devices, times)


def _bytes(kind: str, bits: str, shape: str) -> int:
    width = 1 if kind == "pred" else -(-int(bits or 0) // 8)
    return width * math.prod(int(size) for size in shape.split(",") if size)


def _group(line: str) -> int:
    """How many devices talk to each other."""
    if match := re.search(r"replica_groups=\[\d+,(\d+)\]", line):
        return int(match[1])
    if match := re.search(r"replica_groups=\{\{([\d,]*)\}", line):
        return len(match[1].split(","))
    if match := re.search(r"replica_groups=mesh\[([^\]]*)\] ?\{([^}]*)\}", line):
        whole = {name: int(size) for name, size in re.findall(r"'([^']+)'=(\d+)", match[1])}
        parts = re.findall(r"'([^']+)'(?::\(\d+\)(\d+))?", match[2])  # all of an axis, or a part of it
        return math.prod(int(size) if size else whole[name] for name, size in parts)
    return 2 if "source_target_pairs" in line else 1
