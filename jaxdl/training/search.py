"""Search for hyper-parameters: trials of a space, chosen by the validation part; those of one shape train together.

    grid        evenly spaced values of every dimension
    random      independent draws (Bergstra, Bengio, 2012)
    halving     all n for epochs / eta^k, the best n / eta of them for eta times as long, and so on
                (Jamieson, Talwalkar, 2016)
    hyperband   halvings that begin with many short and with few long trials (Li et al., 2018)
    optuna      its tree-structured Parzen estimators ask for eight points at a time (Bergstra et al., 2011)

A field that a program can take as a traced number (learning rate, decay, dropout, penalties, smoothing) costs no
compilation: all its values run in one `vmap`. Whether it can is tried, not listed. Other fields (a width, an optimizer)
divide the trials into groups, which run one after another.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias, get_args

from jaxdl.training.spaces import Dimension, Trial, grid_trials, random_trials, trial
from jaxdl.training.trial_groups import TaskOf as TaskOf
from jaxdl.training.trial_groups import Trials, traced_fields
from jaxdl.training.trial_groups import Tried as Tried
from jaxdl.validation import require_name, require_positive

Method: TypeAlias = Literal["random", "grid", "halving", "hyperband", "optuna"]
_ASKED = 8  # points that optuna is asked for at a time


def search(
    task_of: TaskOf,
    config: Any,
    space: Sequence[Dimension],
    *,
    method: Method = "random",
    trials: int = 32,
    seed: int = 0,
    eta: int = 3,
    done: Sequence[Tried] = (),
    tell: Callable[[Tried], None] = lambda tried: None,
    stage: Callable[[str], None] = lambda text: None,
) -> list[Tried]:
    """Try points of a space; what they scored, in the order of their numbers.

    Args:
        task_of: config -> task; the test part of its data is never looked at.
        config: of all trials, but for the fields of the space; has `seed`, `epochs` and `batch_size`.
        space: see `jaxdl.training.spaces`.
        method: see the head of the file.
        trials: how many (of "hyperband": as many as its brackets have).
        seed: of the draws; the same trials for the same seed.
        eta: of "halving" and "hyperband", the share that goes on is 1 / eta.
        done: trials of this very search that an earlier call has ended; they are not run again.
        tell: hears of each trial as it ends.
        stage: hears what is being done.
    Raises: ValueError for an empty space, an unknown method, a number below 1.

    >>> from jaxdl.recipes import xor_mlp
    >>> from jaxdl.training.spaces import parse, replaced
    >>> config = replaced(xor_mlp.Config(), {"epochs": 2})
    >>> found = search(xor_mlp.task, config, parse(config, ["learning_rate=log:1e-3:1"]), trials=3)
    >>> [tried.number for tried in found], best(found, "min").epochs
    ([0, 1, 2], 2)
    """
    require_name("search", "method", method, get_args(Method))
    require_positive("search", trials=trials)
    if eta < 2 or not space:
        raise ValueError(f"search: eta must be at least 2 and the space not empty, got {eta} and {tuple(space)}")
    ended: dict[int, Tried] = {tried.number: tried for tried in done}

    def end(tried: Tried) -> None:
        ended[tried.number] = tried
        tell(tried)

    run = Trials(task_of, config, traced_fields(task_of, config, space), end, stage)
    if method == "optuna":
        _ask_optuna(run, space, trials, seed, ended)
    elif method == "hyperband":
        for numbers, drawn, shortest in _brackets(space, config.epochs, eta, seed):
            if not set(numbers) <= set(ended):
                run.halve(numbers, drawn, eta, shortest)
    else:
        drawn = grid_trials(space, trials) if method == "grid" else random_trials(space, trials, seed)
        left = [i for i in range(len(drawn)) if i not in ended]
        if method == "halving" and left:
            rungs = math.floor(math.log(len(drawn), eta) + 1e-9)
            run.halve(range(len(drawn)), drawn, eta, max(1, config.epochs // eta**rungs))
        elif left:
            run.all(left, [drawn[i] for i in left])
    return [ended[number] for number in sorted(ended)]


def best(found: Sequence[Tried], mode: str) -> Tried:
    """The trial with the best score; NaN is never best. Raises ValueError where there is none."""
    finite = [tried for tried in found if math.isfinite(tried.score)]
    if not finite:
        raise ValueError(f"none of {len(found)} trials has a finite score{_why(found)}")
    return (max if mode == "max" else min)(finite, key=lambda tried: tried.score)


def _why(found: Sequence[Tried]) -> str:
    notes = {tried.note for tried in found if tried.note}
    return f": {sorted(notes)[0]}" if notes else "; every one diverged"


def _brackets(
    space: Sequence[Dimension], epochs: int, eta: int, seed: int
) -> Iterator[tuple[list[int], list[Trial], int]]:
    """Hyperband's halvings: (numbers, trials, epochs of the first rung), the one of most trials first.

    >>> [(len(numbers), shortest) for numbers, _, shortest in _brackets([Dimension("x", 0.0, 1.0)], 9, 3, 0)]
    [(9, 1), (5, 3), (3, 9)]
    """
    largest, first = math.floor(math.log(epochs, eta) + 1e-9), 0
    for s in range(largest, -1, -1):
        n = math.ceil((largest + 1) / (s + 1) * eta**s)
        drawn = random_trials(space, first + n, seed)[first:]
        yield list(range(first, first + n)), drawn, max(1, epochs // eta**s)
        first += n


def _ask_optuna(run: Trials, space: Sequence[Dimension], trials: int, seed: int, ended: dict[int, Tried]) -> None:
    """Points that optuna's sampler asks for, in batches that train together."""
    try:
        import optuna
    except ImportError:
        raise ValueError("search: the sampler optuna needs the package optuna: pip install 'jaxdl[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    unit: Any = {d.name: optuna.distributions.FloatDistribution(0.0, 1.0) for d in space}
    mode = run.mode
    direction = "maximize" if mode == "max" else "minimize"
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.TPESampler(seed=seed))

    def told(asked: Any, number: int) -> None:
        score = ended[number].score
        state = optuna.trial.TrialState.COMPLETE if math.isfinite(score) else optuna.trial.TrialState.FAIL
        study.tell(asked, score if math.isfinite(score) else None, state=state)

    for first in range(0, trials, _ASKED):
        numbers = list(range(first, min(first + _ASKED, trials)))
        asked = [study.ask(unit) for _ in numbers]  # the same again where an earlier call has ended them
        drawn = [trial(space, [a.params[d.name] for d in space]) for a in asked]
        left = [i for i, number in enumerate(numbers) if number not in ended]
        if left:
            run.all([numbers[i] for i in left], [drawn[i] for i in left])
        for a, number in zip(asked, numbers, strict=True):
            told(a, number)
