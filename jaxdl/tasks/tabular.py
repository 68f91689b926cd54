"""Tables of a user's own: which column is predicted from which, learned from the training part, made into a `Task`.

A target of words, or of few whole numbers, makes a classification, any other a regression, whose target is standardized
for the training and has its own units in what is predicted and scored at the end.

N rows, D features, K classes.
"""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from jaxdl import metrics
from jaxdl.artifacts import files
from jaxdl.data import columns as features
from jaxdl.data import splits
from jaxdl.data.arrays import Arrays
from jaxdl.data.columns import Column
from jaxdl.data.splits import Splits
from jaxdl.data.table_files import Table, as_table, read_table
from jaxdl.models import Model
from jaxdl.tasks import supervised
from jaxdl.tasks.options import without_batches
from jaxdl.training.evaluation import evaluate, has_rows
from jaxdl.training.prediction import Predictions, Predictor
from jaxdl.training.step import TrainState
from jaxdl.training.task import Task

Kind: TypeAlias = Literal["auto", "classification", "regression"]
FILE = "columns.json"

_CLASSES = 20  # different whole numbers at most of a target that is no regression
_log = logging.getLogger(__name__)


class Target(NamedTuple):
    """The column that is predicted.

    Attributes:
        name: of the column.
        classes: K names; none of a regression.
        mean: of a regression's training part, ...
        std: ... and its standard deviation.
        decimal_commas: whether its commas are decimal signs.
    """

    name: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    decimal_commas: bool = False


class Encoder(NamedTuple):
    """How rows of a table become examples: what a run keeps in columns.json."""

    columns: tuple[Column, ...]
    target: Target


def split(table: Table, target: str, kind: Kind, *, validation: float, test: float, seed: int) -> tuple[Splits, bool]:
    """({"row": [N]} in each part, rows whose target is known), and whether it is a classification; then stratified.

    Raises: ValueError that names row and column of a target that cannot be.
    """
    cells = table.column(target)
    known = [i for i, cell in enumerate(cells) if cell]
    if len(set(cells) - {""}) < 2:
        raise ValueError(f"{table.name}: column {target} is the same everywhere or empty: there is nothing to predict")
    rows = {"row": np.array(known, np.int64)}
    classify = kind == "classification" or (kind == "auto" and _has_classes(table.rows(known), target))
    if classify:
        counts = Counter(cells[i] for i in known)
        rare, n = counts.most_common()[-1]
        least = 1 + (validation > 0) + (test > 0)
        if n < least:
            place = table.places[next(i for i in known if cells[i] == rare)]
            raise ValueError(
                f"{table.name}, {place}, column {target}: the class {rare!r} has {n} row(s), too few for "
                f"{least} parts; merge or remove it, or predict numbers with --kind regression"
            )
        names = sorted(counts)
        rows["y"] = np.array([names.index(cells[i]) for i in known])
    else:
        features.numbers(table, target, decimal_commas=features.has_decimal_commas(cells))  # every one is a number
    parts = splits.split(rows, validation=validation, test=test, stratify="y" if classify else None, seed=seed)
    return parts, classify


def learn(table: Table, train: Sequence[int], target: Target, kinds: Mapping[str, features.Kind]) -> Encoder:
    """What the rows of the training part teach of every column of `kinds`."""
    part = table.rows(train)
    return Encoder(tuple(features.learn(part, name, kind) for name, kind in kinds.items()), target)


def learn_target(table: Table, train: Sequence[int], name: str, classify: bool) -> Target:
    """The classes of all rows, or mean and standard deviation of the training part's."""
    if classify:
        return Target(name, tuple(sorted(set(table.column(name)) - {""})))
    decimal_commas = features.has_decimal_commas(table.column(name))
    values = features.numbers(table.rows(train), name, decimal_commas=decimal_commas)
    return Target(name, (), float(values.mean()), float(values.std()) or 1.0, decimal_commas)


def examples(encoder: Encoder, table: Table) -> Arrays:
    """{"x": [N, D] float32, "y": [N]: numbers of classes, or standardized values}.

    Raises: ValueError that names the row of a class that the training had not, or of a target that is missing.
    """
    target = encoder.target
    cells = table.column(target.name)
    if "" in cells:
        raise table.wrong(list(cells).index(""), target.name, "the target is missing")
    if not target.classes:
        values = features.numbers(table, target.name, decimal_commas=target.decimal_commas)
        y = ((values - target.mean) / target.std).astype(np.float32)
    else:
        number = {name: i for i, name in enumerate(target.classes)}
        unknown = next((i for i, cell in enumerate(cells) if cell not in number), None)
        if unknown is not None:
            shown = ", ".join(target.classes)
            raise table.wrong(unknown, target.name, f"{cells[unknown]!r} is none of the classes {shown}")
        y = np.array([number[cell] for cell in cells], np.int32)
    return {"x": features.encode(encoder.columns, table), "y": y}


def task(model: Model, config: supervised.Config, encoder: Encoder, data: Splits, **fields: Any) -> Task:
    """The classification or regression of `examples`; predictions and the last scores are in the target's own units."""
    target = encoder.target
    fields["files"] = {FILE: dumps(encoder), **fields.get("files", {})}
    if target.classes:
        built = supervised.classification(model, config, data, target.classes, **fields)
    else:
        built = supervised.regression(model, config, data, **fields)
    inner = built.predictor
    assert inner is not None

    def predict(state: TrainState, inputs: Any) -> Predictions:
        table = as_table(inputs)
        for line in _unseen(encoder.columns, table):
            _log.warning("%s", line)
        found = inner.predict(state, features.encode(encoder.columns, table))
        return found if target.classes else found._replace(values=found.values * target.std + target.mean)

    def scores(state: TrainState, data: Splits) -> Mapping[str, float]:
        part, name = (data.test, "test") if has_rows(data.test) else (data.train, "train")
        if target.classes:
            commonest = np.bincount(part["y"], minlength=len(target.classes)).argmax()
            return {f"{name} accuracy of always {target.classes[commonest]!r}": float(np.mean(part["y"] == commonest))}
        values = metrics.scalars(evaluate(built.evaluate, state, part))
        rmse, mae = values["loss"] ** 0.5 * target.std, values["mae"] * target.std
        return {f"{name} root mean squared error of {target.name}": rmse, f"{name} mean absolute error": mae}

    predictor = Predictor(
        predict, read=read_table, examples=lambda path: examples(encoder, read_table(path)), network=inner.network
    )
    return built._replace(predictor=predictor, scores=scores)


def restored(model_of: Any, config: supervised.Config, folder: Path) -> Task:
    """The `task` of a finished run from its folder alone, its data left out.

    Args:
        model_of: encoder -> `Model`.
    """
    encoder = files.read(folder / FILE, loads)
    width = n_features(encoder)
    y = np.zeros(1, np.int32 if encoder.target.classes else np.float32)
    one = {"x": np.zeros((1, width), np.float32), "y": y}  # no example: its shapes
    return task(model_of(encoder), without_batches(config), encoder, Splits(one, {}, {}))._replace(
        data=Splits({}, {}, {})
    )


def n_features(encoder: Encoder) -> int:
    """D of what `features.encode` makes."""
    empty = Table("", {column.name: [""] for column in encoder.columns}, ["row 0"])
    return features.encode(encoder.columns, empty).shape[1]


def notes(encoder: Encoder, table: Table, out: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Lines that say what became of every column."""
    target, columns = encoder.target, {column.name: column for column in encoder.columns}
    lines = []
    for name in table.columns:
        if name in columns:
            lines.append(features.about(columns[name], table))
        elif name == target.name:
            many = f"{len(target.classes)} classes" if target.classes else "a number"
            missing = sum(not cell for cell in table.column(name))
            left = f"; {missing} of {len(table)} rows left out, where it is missing" if missing else ""
            lines.append(f"{name}: is predicted, {many}{left}")
        elif name in out:
            lines.append(f"{name}: left out" if name in asked else features.left_out(table, name))
    return lines


def dumps(encoder: Encoder) -> str:
    """columns.json."""
    values = {"target": encoder.target._asdict(), "columns": features.to_json(encoder.columns)}
    return json.dumps(values, ensure_ascii=False, indent=1) + "\n"


def loads(stored: str) -> Encoder:
    """The `Encoder` that `dumps` wrote. Raises ValueError if damaged."""
    try:
        values = json.loads(stored)
        target = Target(**{**values["target"], "classes": tuple(values["target"]["classes"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"not a stored encoder: {error!r}") from None
    return Encoder(features.from_json(values["columns"]), target)


def _has_classes(table: Table, target: str) -> bool:
    """Whether the target has words, or few whole numbers that come often."""
    if features.kind_of(table, target) != "number":
        return True
    cells = table.column(target)
    different = set(features.numbers(table, target, decimal_commas=features.has_decimal_commas(cells)).tolist())
    return all(value == int(value) for value in different) and len(different) <= min(_CLASSES, len(table) / 5)


def _unseen(columns: Sequence[Column], table: Table) -> list[str]:
    lines = []
    for column in columns:
        if column.kind == "category":
            new = sorted(set(table.column(column.name)) - set(column.learned["names"]) - {""})
            if new:
                lines.append(f"{column.name}: {new[0]!r} was not in the training part; it counts as no category")
    return lines
