"""What an experiment measured, and the verdict on it: figures over seeds, the checks of a rule, intervals."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from jaxdl.metrics.intervals import confidence

Verdict: TypeAlias = Literal["holds", "holds in part", "does not hold"]


class Budget(NamedTuple):
    """How much an experiment may do. It scales repetitions and sizes, never the rule.

    Attributes:
        seeds: repetitions; at least 3, or no interval means anything.
        small: sizes for a test: seconds in place of a minute.
        stage: hears what is being done, for a progress bar.
    """

    seeds: int
    small: bool = False
    stage: Callable[[str], None] = lambda text: None


class Figure(NamedTuple):
    """A measured quantity: its values over the seeds (one value where the statement is exact)."""

    name: str
    values: tuple[float, ...]
    unit: str = ""

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return float(np.mean(self.values))

    @property
    def interval(self) -> float:
        """Half the width of the 95 % confidence interval of the mean (Student's t); 0 for a single value."""
        return confidence(self.values)

    def __str__(self) -> str:
        spread = f" ± {self.interval:.2g}" if len(self.values) > 1 else ""
        return f"{self.mean:.4g}{spread}{' ' + self.unit if self.unit else ''}"


class Result(NamedTuple):
    """What came out.

    Attributes:
        figures: what was measured.
        checks: the conditions of the rule, by name, and whether each was met.
        drawn: what the picture draws.
        remark: the reason and the condition under which it would hold, where it does not as stated.
    """

    figures: tuple[Figure, ...]
    checks: Mapping[str, bool]
    drawn: Mapping[Any, Any]
    remark: str = ""

    @property
    def verdict(self) -> Verdict:
        """All checks met, some, or none."""
        met = [bool(check) for check in self.checks.values()]
        return "holds" if all(met) else "holds in part" if any(met) else "does not hold"


def measured(name: str, values: Any, unit: str = "") -> Figure:
    """A `Figure` of an array, its first axis the seeds, or of a number.

    >>> print(measured("accuracy", [0.9, 0.92, 0.94]))
    0.92 ± 0.05
    """
    return Figure(name, tuple(float(v) for v in np.atleast_1d(np.asarray(values, np.float64))), unit)


def surely_above(values: Any, bound: float = 0.0) -> bool:
    """Whether the whole 95 % interval of the mean lies above a bound; of differences by seed: a paired t-test.

    >>> surely_above([1.0, 1.1, 0.9]), surely_above([1.0, -1.1, 0.9])
    (True, False)
    """
    values = np.asarray(values, np.float64)
    return bool(values.mean() - confidence(values) > bound)
