"""A table of your own (--data x.csv --target column) with a multilayer perceptron: classification or regression.

jaxdl train table
"""

import dataclasses
from pathlib import Path
from typing import Any

from jaxdl import models
from jaxdl.data import columns as features
from jaxdl.data.splits import Splits
from jaxdl.data.table_files import Table, parse_table, read_table
from jaxdl.models import mlp
from jaxdl.recipes import _parcels
from jaxdl.tasks import options, supervised, tabular
from jaxdl.tasks.tabular import Encoder
from jaxdl.training import Task
from jaxdl.types import Array, Params, State
from jaxdl.validation import require_rate

_EXAMPLE = "example.csv"


@dataclasses.dataclass(frozen=True)
class Config(supervised.Config):
    """The options of a run on a table.

    Attributes:
        data: the table, a CSV file whose first line names the columns; without one, drawn parcels of a made-up post.
        target: the column that is predicted from the others.
        kind: "auto" classifies words and few whole numbers.
        leave_out: columns that are not looked at.
        categories: columns of numbers that are names (postal codes, say).
        test: share of the rows for the test part.
        widths: units of each hidden layer; () is a linear model.
        activation: of the hidden layers, a name in `nn.activations.DERIVATIVES`.
        dropout: rate after each hidden layer.
    """

    data: str = ""
    target: str = ""
    kind: tabular.Kind = "auto"
    leave_out: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    test: float = 0.2
    widths: tuple[int, ...] = (32,)
    activation: str = "relu"
    dropout: float = 0.1
    batch_size: int | None = 16
    epochs: int = 60
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    optimizer: supervised.Optimizer = "adamw"
    schedule: supervised.Schedule = "cosine"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_rate("train", test=self.test)
        mlp.Config(1, 1, self.widths, self.activation, dropout=self.dropout)
        options.resolve(self, "data")


def task(config: Config) -> Task:
    """The table, split into 70 % to train on, 10 % for validation and 20 % to test, stratified by classes."""
    text = "" if config.data else _parcels.table()
    table = read_table(config.data) if config.data else parse_table(text, _EXAMPLE)
    target = _target(config, table)
    kinds, out = _kinds(config, table, target)
    rows, classify = tabular.split(
        table, target, config.kind, validation=config.validation, test=config.test, seed=config.seed
    )
    train = rows.train["row"].tolist()
    encoder = tabular.learn(table, train, tabular.learn_target(table, train, target, classify), kinds)
    parts = (tabular.examples(encoder, table.rows(part["row"].tolist())) if len(part["row"]) else {} for part in rows)
    notes = (*table.notes, *tabular.notes(encoder, table, out, config.leave_out))
    files = {} if config.data else {_EXAMPLE: text}
    return tabular.task(_model(config, encoder), config, encoder, Splits(*parts), notes=notes, files=files)


def restore(config: Config, folder: Path) -> Task:
    """The task of a finished run without its table: what predicts."""
    return tabular.restored(lambda encoder: _model(config, encoder), config, folder)


def _model(config: Config, encoder: Encoder) -> models.Model:
    sizes = tabular.n_features(encoder), len(encoder.target.classes) or 1
    model = models.bind(mlp, mlp.Config(*sizes, config.widths, config.activation, dropout=config.dropout))
    if encoder.target.classes:
        return model

    def apply(params: Params, state: State, x: Array, **modes: Any) -> tuple[Array, State]:
        y, state = model.apply(params, state, x, **modes)
        return y[:, 0], state

    return models.Model(model.init, apply, config=model.config)


def _target(config: Config, table: Table) -> str:
    """The target's name as the table has it."""
    if config.target:
        return table.named(config.target)
    if not config.data:
        return _parcels.TARGET
    raise ValueError(f"{table.name}: which column is predicted? --target one of {', '.join(table.columns)}")


def _kinds(config: Config, table: Table, target: str) -> tuple[dict[str, features.Kind], list[str]]:
    """What every column but the target holds, and the columns that are left out."""
    asked, names = ([table.named(name) for name in option] for option in (config.leave_out, config.categories))
    kinds: dict[str, features.Kind] = {}
    for name in table.columns:
        kind = "category" if name in names else features.kind_of(table, name)
        if name != target and name not in asked and kind is not None:
            kinds[name] = kind
    if not kinds:
        raise ValueError(f"{table.name}: no column is left from which {target} could be predicted")
    return kinds, [name for name in table.columns if name not in kinds and name != target]
