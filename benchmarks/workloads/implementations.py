"""Which implementations a workload has: ours and the peers', each by the name of its row."""

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import peers
from benchmarks.workloads import ours
from benchmarks.workloads.cases import Case
from benchmarks.workloads.trainer import Rows, Trainer


def find(case: Case, row: str) -> Callable[[], Trainer]:
    """How to build one row of the table; imports only the library that the row needs.

    Raises: ValueError for an unknown row, ImportError if its library is absent.
    """
    found = ours.rows(case)
    for name in peers.MODULES:
        if row not in found and row.startswith(name):  # "torch-compile" and "torch" both begin with "torch"
            found = found | peers.rows(name, case)
    if row not in found:
        raise ValueError(f"benchmarks: {case.name} has no implementation {row!r}")
    return found[row]


def all_rows(case: Case, against: Sequence[str]) -> tuple[Rows, list[dict[str, Any]]]:
    """The rows of ourselves and the chosen peers, and a record for each peer whose library is absent."""
    found, absent = ours.rows(case), []
    for name in against:
        try:
            found |= peers.rows(name, case)
        except ImportError as error:
            absent.append({"implementation": name, "not_timed": str(error)})
    return found, absent
