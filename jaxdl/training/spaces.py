"""Spaces of hyper-parameters: which fields of a configuration vary, over what, and how a trial is drawn.

    learning_rate=log:1e-4:1e-1    log x uniform over [log 1e-4, log 1e-1]
    model.dropout=0:0.5            uniform
    batch_size=16:128              whole numbers, where the field is one
    optimizer=sgd,adam             one of these
    model.widths=64|128,128        one of these tuples

A trial is a point u of the unit cube, a coordinate for each dimension, so that every sampler is a way to choose points.
"""

import ast
import copy
import dataclasses
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxdl.validation import describe, did_you_mean, fits

Trial = dict[str, Any]  # dotted field -> value


class Dimension(NamedTuple):
    """One field and its values.

    Attributes:
        name: of the field, with dots into nested configurations.
        low, high: the ends of a range, both of which may be drawn; None for choices.
        log: whether the logarithm is uniform.
        whole: whether values are whole numbers.
        choices: the values, where there is no range.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()

    def value(self, u: float) -> Any:
        """The value at u in [0, 1].

        >>> Dimension("rate", 1e-4, 1.0, log=True).value(0.5), Dimension("n", 1, 4, whole=True).value(0.99)
        (0.01, 4)
        """
        if self.choices:
            return self.choices[min(int(u * len(self.choices)), len(self.choices) - 1)]
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole and not self.log else (self.low, self.high)
        x = math.exp(math.log(low) + u * (math.log(high) - math.log(low))) if self.log else low + u * (high - low)
        if self.whole:
            return int(min(max(round(x), self.low), self.high))
        return float(f"{x:.6g}")  # what is printed is what was tried

    def levels(self, n: int) -> list[float]:
        """The u of a grid of n values: the ends and evenly between them; of choices all, whatever n is.

        >>> Dimension("x", 0.0, 1.0).levels(3), Dimension("x", choices=("a", "b")).levels(9)
        ([0.0, 0.5, 1.0], [0.25, 0.75])
        """
        if self.choices:
            k = len(self.choices)
            return [(i + 0.5) / k for i in range(k)]
        return [i / (n - 1) for i in range(n)] if n > 1 else [0.5]


def parse(config: Any, texts: Iterable[str]) -> tuple[Dimension, ...]:
    """The dimensions that texts such as "learning_rate=log:1e-4:1e-1" describe, for the fields of a configuration.

    Raises: ValueError for an unknown field, a value that the field cannot have, a range of what has no order.

    >>> from jaxdl.recipes.digits_mlp import Config
    >>> parse(Config(), ["learning_rate=log:1e-4:1e-1"])[0]
    Dimension(name='learning_rate', low=0.0001, high=0.1, log=True, whole=False, choices=())
    >>> parse(Config(), ["learning-rat=0:1"])
    Traceback (most recent call last):
        ...
    ValueError: --space learning-rat: unknown field, did you mean 'learning_rate'?
    """
    dimensions = tuple(_dimension(config, text) for text in texts)
    names = [dimension.name for dimension in dimensions]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"--space {twice}: given twice")
    for dimension in dimensions:
        for value in dimension.choices or (dimension.value(0.0), dimension.value(1.0)):
            try:
                replaced(config, {dimension.name: value})
            except ValueError as error:
                raise ValueError(f"--space {dimension.name}: {error}") from None
    return dimensions


def _dimension(config: Any, text: str) -> Dimension:
    name, equals, values = text.partition("=")
    hints = fields(config)
    name = name.replace("-", "_")
    if not equals or not values:
        raise ValueError(f"--space needs FIELD=VALUES, such as learning_rate=log:1e-4:1e-1, got {text!r}")
    if name not in hints:
        raise ValueError(f"--space {text.partition('=')[0]}: unknown field{did_you_mean(name, hints)}")
    hint = hints[name]
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    whole, log = int in kinds and float not in kinds, values.startswith("log:")
    ends = values.removeprefix("log:").split(":")
    if len(ends) == 2 and (int in kinds or float in kinds):
        low, high = (_number(name, end, whole) for end in ends)
        if not low < high or (log and low <= 0):
            raise ValueError(f"--space {name}: a range needs low < high{', above 0' if log else ''}, got {values!r}")
        return Dimension(name, low, high, log, whole)
    if ":" in values:
        raise ValueError(f"--space {name}: {values!r} is no range, log:LOW:HIGH or LOW:HIGH, of {describe(hint)}")
    words = values.split("|") if "|" in values or typing.get_origin(hint) is tuple else values.split(",")
    choices = tuple(_choice(name, word, hint) for word in words)
    if len(choices) < 2:
        raise ValueError(f"--space {name}: one value is no space; give it as --{name.replace('_', '-')} {values}")
    return Dimension(name, choices=choices)


def _number(name: str, text: str, whole: bool) -> float:
    try:
        number = float(text)
        if not math.isfinite(number) or (whole and number != int(number)):
            raise ValueError
        return int(number) if whole else number
    except ValueError:
        raise ValueError(f"--space {name}: {text!r} is no {'whole ' if whole else ''}number") from None


def _choice(name: str, word: str, hint: Any) -> Any:
    """A word as a value of an annotated type."""
    candidates: list[Any] = [word]
    try:
        literal = ast.literal_eval(word)
        candidates = [literal, (literal,), word]
    except (SyntaxError, ValueError):
        pass
    for value in candidates:
        if fits(value, hint):
            return float(value) if hint is float else value
    raise ValueError(f"--space {name}: {word!r} is not {describe(hint)}")


def fields(config: Any, prefix: str = "") -> dict[str, Any]:
    """Every field of a (nested) configuration by its dotted name, with its annotated type."""
    hints = typing.get_type_hints(type(config))
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), prefix + field.name
        found |= fields(value, f"{name}.") if dataclasses.is_dataclass(value) else {name: hints[field.name]}
    return found


def replaced(config: Any, values: Mapping[str, Any], *, check: bool = True) -> Any:
    """A configuration with some fields of dotted names replaced.

    Args:
        check: run the configuration's own checks; they cannot look at traced numbers.

    >>> from jaxdl.recipes.digits_mlp import Config
    >>> replaced(Config(), {"model.dropout": 0.1, "epochs": 3}).model.dropout
    0.1
    """
    own = {name: value for name, value in values.items() if "." not in name}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        head, dot, rest = name.partition(".")
        if dot:
            inner.setdefault(head, {})[rest] = value
    changes = own | {head: replaced(getattr(config, head), rest, check=check) for head, rest in inner.items()}
    if check:
        return dataclasses.replace(config, **changes)
    copied = copy.copy(config)
    for name, value in changes.items():
        object.__setattr__(copied, name, value)
    return copied


def trial(space: Sequence[Dimension], point: Sequence[float]) -> Trial:
    """The values at a point of the unit cube."""
    return {dimension.name: dimension.value(float(u)) for dimension, u in zip(space, point, strict=True)}


def random_trials(space: Sequence[Dimension], n: int, seed: int) -> list[Trial]:
    """n independent draws; the first k of n are the k of the same seed.

    >>> random_trials([Dimension("x", 0.0, 1.0)], 2, 0) == random_trials([Dimension("x", 0.0, 1.0)], 3, 0)[:2]
    True
    """
    rng = np.random.default_rng(seed)
    return [trial(space, rng.random(len(space)).tolist()) for _ in range(n)]


def grid_trials(space: Sequence[Dimension], n: int) -> list[Trial]:
    """All combinations of evenly spaced levels: of ranges as many as n trials allow, of choices every one.

    Raises: ValueError if the choices alone have more than n combinations.

    >>> len(grid_trials([Dimension("x", 0.0, 1.0), Dimension("y", 0.0, 1.0)], 10))
    9
    """
    fixed = math.prod(len(d.choices) for d in space if d.choices)
    ranges = sum(not d.choices for d in space)
    if fixed > n:
        raise ValueError(f"a grid has at least {fixed} combinations of the choices, more than {n} trials")
    levels = 1
    while ranges and fixed * (levels + 1) ** ranges <= n:
        levels += 1
    axes = [d.levels(levels) for d in space]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(space))
    trials = [trial(space, point.tolist()) for point in points]
    return [t for i, t in enumerate(trials) if t not in trials[:i]]  # whole numbers may fall on one another
