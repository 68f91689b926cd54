"""Many small runs at once against one after the other: `python -m benchmarks.studies.many_runs`.

    together     jaxdl train RECIPE --seeds N, one process and one program
    in turn      jaxdl train RECIPE --seed i for each, a process each; a few are measured, N of them estimated

Wall time and processor time of whole processes: start-up, compilation, training, scores and files. Both start with an
empty compilation cache of their own, which the runs in turn share, as a user's do; the first of them is therefore
counted once, the mean of the others N - 1 times.

It writes benchmarks/results/<device>/many-runs.json. Where others used the machine ("others"), the wall times are no
figures to show.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.measuring import machine
from benchmarks.reports import records
from jaxdl.artifacts import files

RECIPE, OPTIONS = "digits_mlp", ("--model.widths", "32", "--epochs", "10")


class Seconds(NamedTuple):
    """Of processes, one or several.

    Attributes:
        wall: on the wall's clock.
        processor: of all cores together, user and system.
    """

    wall: float
    processor: float

    def times(self, n: float) -> "Seconds":
        """n of them.

        >>> Seconds(1.0, 2.0).times(3)
        Seconds(wall=3.0, processor=6.0)
        """
        return Seconds(self.wall * n, self.processor * n)


def timed(words: Sequence[str], folder: Path) -> Seconds:
    """One `jaxdl train` in a folder with a cache of its own."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    variables |= {"XDG_CACHE_HOME": str(folder / "cache"), "JAX_PLATFORMS": "cpu", "JAXDL_DATA": ""}
    variables["PYTHONPATH"] = str(records.ROOT)
    before = os.times()
    subprocess.run(
        [sys.executable, "-m", "jaxdl", "train", *words], cwd=folder, env=variables, check=True, capture_output=True
    )
    after = os.times()  # the process has ended: nothing is left to wait for
    processor = sum(after[2:4]) - sum(before[2:4])  # of children, user and system
    return Seconds(after.elapsed - before.elapsed, processor)


def estimate(measured: Sequence[Seconds], runs: int) -> Seconds:
    """The time of some runs in turn: the first of those measured, which compiles, and the mean of the others.

    >>> estimate([Seconds(3.0, 3.0), Seconds(1.0, 2.0), Seconds(2.0, 2.0)], 11)
    Seconds(wall=18.0, processor=23.0)
    """
    first, others = measured[0], measured[1:]
    return Seconds(
        *(a + (runs - 1) * sum(rest) / len(others) for a, rest in zip(first, zip(*others, strict=True), strict=True))
    )


def measure(recipe: str, options: Sequence[str], runs: int, measured: int) -> dict[str, object]:
    """A record of both."""
    facts = records.environment()
    watch = machine.Watch()
    with tempfile.TemporaryDirectory() as folder:
        together = timed([recipe, *options, "--seeds", str(runs), "--run-dir", "all"], Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        turns = [timed([recipe, *options, "--seed", str(i)], Path(folder)) for i in range(measured)]
    in_turn = estimate(turns, runs)
    return facts | {
        "study": "many-runs",
        "recipe": recipe,
        "options": list(options),
        "runs": runs,
        "measured_in_turn": measured,
        "others": watch.others(),
        "load_after": [round(load, 2) for load in os.getloadavg()],
        "together": together._asdict(),
        "each_in_turn": [one._asdict() for one in turns],
        "in_turn": in_turn._asdict(),
        "faster": {name: round(getattr(in_turn, name) / getattr(together, name), 1) for name in Seconds._fields},
    }


def main(arguments: Sequence[str]) -> None:
    """Measure, print and write the record."""
    parser = argparse.ArgumentParser("python -m benchmarks.studies.many_runs", description=__doc__)
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--measured", type=int, default=4, help="runs in turn that are measured, at least 2")
    parser.add_argument("--recipe", default=RECIPE)
    parser.add_argument("--json", type=Path, help="the record's file")
    chosen, options = parser.parse_known_args(arguments)
    if chosen.measured < 2 or chosen.runs < 2:
        parser.error("--runs and --measured need at least 2")
    found = measure(chosen.recipe, options or OPTIONS, chosen.runs, chosen.measured)
    path = chosen.json or records.default_path("").with_name("many-runs.json")
    files.write_json(path, found)
    for name in ("together", "in_turn", "faster"):
        print(name, found[name])
    print(f"others used {found['others']} cores  {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
