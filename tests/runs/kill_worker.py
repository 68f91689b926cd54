"""A small run of one kind in a process of its own, for `test_kills`: python kill_worker.py KIND FOLDER."""

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Any

from jaxdl import recipes, runs
from jaxdl.models import cnn, mlp, seq2seq
from jaxdl.recipes import _dates, dates_seq2seq, digits_cnn, digits_gan, digits_mlp
from jaxdl.runs import training_runs
from jaxdl.training import fit

DENSE = digits_mlp.Config(model=mlp.Config(64, 10, (16,), dropout=0.2), epochs=12, batch_size=32, patience=8)
CONV = digits_cnn.Config(
    model=cnn.Config(size=(8, 8), channels=(4,), padding="SAME", widths=(8,), normalization="batch"),
    epochs=6,
    batch_size=64,
)
SEQUENCE = dataclasses.replace(
    dates_seq2seq.Config(),
    model=dataclasses.replace(seq2seq.Config(**vars(dates_seq2seq.Config().model)), d_embedding=8, n_hidden=16),
    examples=2_000,
    epochs=2,
    batch_size=100,
)
RUNS: dict[str, tuple[str, Any]] = {
    "dense": ("digits_mlp", DENSE),
    "conv": ("digits_cnn", CONV),
    "gan": ("digits_gan", dataclasses.replace(digits_gan.Config(), epochs=4)),
    "sequence": ("dates_seq2seq", SEQUENCE),
    "warm": ("digits_mlp", DENSE),
}


def main(kind: str, folder: Path) -> None:
    """Train, or go on where an earlier process was killed; a checkpoint after every call of two steps."""
    name, config = RUNS[kind]
    setattr(_dates, "_HELD_OUT", 200)  # noqa: B010
    training_runs.fit = functools.partial(fit, steps_per_call=2)  # "auto" measures, and may choose otherwise each time
    if kind == "warm":
        recipe, task = recipes.load(name), recipes.load(name).task
        before = functools.partial(fit, epochs=3, batch_size=32, seed=1, steps_per_call=2)
        warm = lambda state: state._replace(params=before(task(config)).state.params)  # noqa: E731
        setattr(recipe, "task", lambda config: task(config)._replace(warm_start=warm))  # noqa: B010
    resume = (folder / "config.json").is_file()
    runs.train(name, config, run_dir=folder, resume=resume, save_every=0.05)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
