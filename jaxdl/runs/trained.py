"""A finished run folder as a model that predicts: `jaxdl.load("runs/digits_mlp/1")`."""

import csv
import json
import logging
import types
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import recipes
from jaxdl.artifacts import files
from jaxdl.data.delimited import is_number
from jaxdl.data.image_files import SUFFIXES, looks, read_images
from jaxdl.runs.run_folder import configuration, read_config
from jaxdl.training import Task, TrainState
from jaxdl.training.parameters import read_params
from jaxdl.training.prediction import Predictions, Predictor
from jaxdl.types import Params

_log = logging.getLogger(__name__)


class Run(NamedTuple):
    """A trained model.

    Attributes:
        folder: its run folder.
        recipe: the recipe's name.
        config: the recipe's Config.
        task: what was trained, with its data, but for recipes on a user's own data (`restore`).
        state: the trained state, without the optimizer's.
    """

    folder: Path
    recipe: str
    config: Any
    task: Task
    state: TrainState

    @property
    def params(self) -> Params:
        """The trained parameters."""
        return self.state.params

    @property
    def predictor(self) -> Predictor:
        """How it predicts. Raises ValueError for a model that does not."""
        if self.task.predictor is None:
            raise ValueError(f"{self.folder} is a run of {self.recipe}, which predicts nothing")
        return self.task.predictor

    def predict(self, inputs: Any) -> Predictions:
        """What the model says of new inputs, raw as the recipe's data are: numbers [N, ...] or N texts.

        Raises: ValueError for another shape, values that are not finite, and a model that does not predict.
        """
        return self.predictor.predict(self.state, inputs)


def load(folder: Path | str, *, task: Task | None = None) -> Run:
    """The `Run` of a run folder.

    Args:
        folder: what `jaxdl train` or `fit(run_dir=...)` left.
        task: of a script's own run: what it gave to `fit`; its config is what `fit` was called with.
    Raises: ValueError if the folder is not a finished run's.
    """
    folder = Path(folder)
    if task is not None:
        recipe, config = "", types.SimpleNamespace(**read_config(folder, script=True)[1])
    else:
        recipe, config = configuration(folder)
        module = recipes.load(recipe)
        task = module.restore(config, folder) if hasattr(module, "restore") else module.task(config)
    assert task is not None
    key = jax.random.key(config.seed)
    like = jax.eval_shape(task.init, key)  # shapes only: nothing is drawn to be thrown away
    state = read_params(folder, like)
    return Run(folder, recipe, config, task, state._replace(opt_state=(), key=key, step=jnp.zeros((), jnp.int32)))


def read_inputs(path: Path, predictor: Predictor) -> tuple[list[str], Any]:
    """Names and inputs of a file: an image (or all in a folder), or a row of numbers or a text a line.

    Raises: ValueError that names the line, for what the model does not take; OSError for a file that is not there.
    """
    if predictor.read is not None:
        inputs = predictor.read(path)
        return [f"{path.name}:{i + 1}" for i in range(len(inputs))], inputs
    if predictor.shape is not None and path.suffix.lower() in SUFFIXES:
        return [path.name], _images([path], predictor.shape)
    if predictor.shape is not None and path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not found:
            raise ValueError(f"{path} has no images: files that end in {', '.join(SUFFIXES)}")
        return [str(p.relative_to(path)) for p in found], _images(found, predictor.shape)
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{path} is empty")
    if predictor.shape is None:
        return [f"{path.name}:{i + 1}" for i in range(len(lines))], lines
    return _numbers(path, lines, int(np.prod(predictor.shape)))


def _numbers(path: Path, lines: list[str], width: int) -> tuple[list[str], np.ndarray]:
    dialect = max(",;\t ", key=lines[0].count)
    rows = list(csv.reader(lines, delimiter=dialect, skipinitialspace=True))
    first = 0 if is_number(rows[0][0]) else 1  # a header
    numbers = []
    for i, row in enumerate(rows[first:], first + 1):
        if len(row) != width:
            raise ValueError(f"{path}, line {i}: the model takes {width} numbers, got {len(row)}")
        if wrong := next((cell for cell in row if not is_number(cell)), None):
            raise ValueError(f"{path}, line {i}: {wrong!r} is not a number")
        numbers.append([float(cell) for cell in row])
    if not numbers:
        raise ValueError(f"{path} has a header and no rows")
    return [f"{path.name}:{first + 1 + i}" for i in range(len(numbers))], np.array(numbers, np.float32)


def _images(paths: list[Path], shape: tuple[int, ...]) -> np.ndarray:
    """Bytes [N, H, W, C] of images, in the model's colors and size."""
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ValueError(f"{paths[0]}: the model takes {shape}, no images")
    sizes, _ = looks(paths)
    if sizes != {shape[:2]}:
        what = "{2}: {1} x {0} pixels are".format(*sizes.pop(), paths[0].name) if len(paths) == 1 else "images are"
        _log.warning("%s resized to %d x %d", what, shape[1], shape[0])
    return read_images(paths, shape)


def write_predictions(path: Path, names: list[str], predictions: Predictions) -> None:
    """One row an input: its name, the prediction, the probability of every class; .csv or .json.

    Raises: ValueError for another kind of file.
    """
    rows = []
    for i, (name, value) in enumerate(zip(names, predictions.values.tolist(), strict=True)):
        row = {"input": name, "prediction": value}
        if predictions.probabilities is not None:
            row |= {f"p({c})": float(p) for c, p in zip(predictions.classes, predictions.probabilities[i], strict=True)}
        rows.append(row)
    if path.suffix == ".json":
        files.write(path, lambda temporary: temporary.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n"))
    elif path.suffix == ".csv":
        files.write(path, lambda temporary: _write_csv(temporary, rows))
    else:
        raise ValueError(f"--out {path}: predictions are written as .csv or .json")


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
