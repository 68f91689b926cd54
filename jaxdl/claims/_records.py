"""One run of a claim as it is kept: NAME.json holds statement, rule, figures and verdict, NAME.png the picture."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdl.artifacts import files, pictures
from jaxdl.claims import load
from jaxdl.claims._evidence import Budget, Figure, Result
from jaxdl.runs.environment import hardware, versions


class Record(NamedTuple):
    """What a claim said, what was measured and what was judged.

    Attributes:
        name: the claim.
        statement, source, rule: as its module has them.
        verdict: "holds", "holds in part" or "does not hold".
        checks: the rule's conditions and whether each was met.
        figures: the measured quantities, every seed's value.
        remark: conditions and reasons.
        seeds, seconds: repetitions and wall time.
        environment: versions of jax and jaxdl, and the hardware.
    """

    name: str
    statement: str
    source: str
    rule: str
    verdict: str
    checks: Mapping[str, bool]
    figures: tuple[Figure, ...]
    remark: str
    seeds: int
    seconds: float
    environment: Mapping[str, str]


def measure(
    name: str,
    *,
    seeds: int | None = None,
    small: bool = False,
    settings: Mapping[str, Any] | None = None,
    stage: Callable[[str], None] = lambda text: None,
) -> tuple[Record, Result]:
    """Run a claim's experiment.

    Args:
        name: of the claim.
        seeds: repetitions, at least 3; by default the claim's own number.
        small: sizes for a test.
        settings: constants of the claim's module to replace, to see what depends on them.
        stage: hears what is being done.
    Raises: ValueError for an unknown claim or constant.
    """
    claim = load(name)
    repetitions = max(3, seeds or claim.SEEDS)
    began = time.perf_counter()
    with replaced(claim, settings or {}):
        result = claim.run(jax.random.key(0), Budget(repetitions, small, stage))
    record = Record(
        name=name,
        statement=claim.STATEMENT,
        source=claim.SOURCE,
        rule=claim.RULE,
        verdict=result.verdict,
        checks={check: bool(met) for check, met in result.checks.items()},
        figures=result.figures,
        remark=result.remark,
        seeds=repetitions,
        seconds=round(time.perf_counter() - began, 1),
        environment={**versions("jaxdl", "jax"), "hardware": hardware()},
    )
    return record, result


class replaced:
    """Constants of a module replaced for a while.

    >>> from jaxdl.claims import learning_rate_threshold as claim
    >>> with replaced(claim, {"STEPS": 50}):
    ...     claim.STEPS
    50
    >>> with replaced(claim, {"STEP": 50}): pass
    Traceback (most recent call last):
        ...
    ValueError: learning_rate_threshold has no constant STEP; it has DIMENSIONS, STEPS
    """

    def __init__(self, module: Any, settings: Mapping[str, Any]):
        simple = constants(module)
        for name in settings:
            if name not in simple:
                short = module.__name__.rpartition(".")[2]
                raise ValueError(f"{short} has no constant {name}; it has {', '.join(sorted(simple)) or 'none'}")
        self.module, self.settings, self.before = module, settings, {name: simple[name] for name in settings}

    def __enter__(self) -> None:
        for name, value in self.settings.items():
            setattr(self.module, name, value)

    def __exit__(self, *error: object) -> None:
        for name, value in self.before.items():
            setattr(self.module, name, value)


def constants(module: Any) -> dict[str, Any]:
    """The numbers, words and tuples of them that a claim's module sets, by name."""
    about = ("STATEMENT", "SOURCE", "RULE", "SEEDS", "SECONDS")
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper() and name not in about and isinstance(value, int | float | str | tuple)
    }


def save(record: Record, picture: Any, folder: Path) -> None:
    """NAME.json and NAME.png."""
    folder.mkdir(parents=True, exist_ok=True)
    content = record._asdict() | {"figures": [figure._asdict() for figure in record.figures]}
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    files.write(folder / f"{record.name}.json", lambda path: Path(path).write_text(text, encoding="utf-8"))
    files.write(folder / f"{record.name}.png", lambda path: pictures.save(picture, path))


def read(path: Path) -> Record:
    """A stored record."""
    content = json.loads(path.read_text(encoding="utf-8"))
    figures = tuple(Figure(f["name"], tuple(f["values"]), f["unit"]) for f in content.pop("figures"))
    return Record(**content, figures=figures)
