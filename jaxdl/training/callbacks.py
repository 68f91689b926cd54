"""Callbacks: plain functions of an `Event`. Each function here makes one."""

import csv
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from jaxdl.artifacts import files
from jaxdl.optim import has_factor, with_factor
from jaxdl.training.events import STOP, Callback, Event
from jaxdl.training.step import TrainState
from jaxdl.tree import broken_leaves


class NonFiniteError(FloatingPointError):
    """A loss or another metric became NaN or infinite, after `step` steps."""

    step = 0


def nan_stop() -> Callback:
    """Stop a run whose metrics are not finite: raises `NonFiniteError`.

    The message names the step, the rows of its batch, and the first leaf of the train state that is not finite.
    """

    def callback(event: Event) -> None:
        bad = [name for name, value in event.metrics.items() if not math.isfinite(value)]
        if event.kind not in ("step", "epoch") or not bad:
            return
        broken = broken_leaves(event.state)
        rows = [] if event.rows is None else event.rows.tolist()
        shown = ", ".join(map(str, rows[:8])) + (f" and {len(rows) - 8} more" if len(rows) > 8 else "")
        where = (
            f"training rows {shown}" if rows else f"batch {(event.step - 1) % event.history.params['steps'] + 1} of it"
        )
        error = NonFiniteError(
            f"{bad[0]} is {event.metrics[bad[0]]} at step {event.step} (epoch {event.epoch}, {where}); "
            f"first leaf that is not finite: {broken[0] if broken else 'none yet'}; "
            "try a smaller learning rate or look at those rows"
        )
        error.step = event.step
        raise error

    return callback


def early_stopping(
    monitor: str = "val_loss", *, mode: str = "min", patience: int = 5, min_delta: float = 0.0
) -> Callback:
    """End the run when `monitor` has not improved by more than `min_delta` for `patience` epochs.

    At its end, early or not, the weights of the best epoch are put back: the first one with the best value, also
    where it is better by less than `min_delta`. On a resumed run the epochs that came before count, so that it ends
    where it would have ended; its best weights are the task's best checkpoint.

    Raises: ValueError for a mode other than "min" or "max", a patience below 1, a score that does not exist, a resumed
        run whose best checkpoint was chosen by another score.
    """
    if mode not in ("min", "max") or patience < 1:
        raise ValueError(f'early_stopping: mode is "min" or "max" and patience >= 1, got {mode!r} and {patience}')
    best_value = reference = math.inf
    waited = 0
    best_state: TrainState | None = None

    def improves(value: float) -> bool:
        nonlocal best_value, reference, waited
        signed = value if mode == "min" else -value
        reference, waited = (signed, 0) if signed < reference - min_delta else (reference, waited + 1)
        better = signed < best_value
        best_value = signed if better else best_value
        return better

    def callback(event: Event) -> str | TrainState | None:
        nonlocal best_state
        if event.kind == "begin":
            if monitor not in (names := event.history.params["metrics"]):
                raise ValueError(f"early_stopping: no score {monitor!r}; this run has {', '.join(names)}")
            better = [improves(value) for value in event.history.history.get(monitor, [])]
            if best_state is not None and any(better):
                best_epoch = len(better) - better[::-1].index(True)
                if int(best_state.step) != best_epoch * event.history.params["steps"]:
                    raise ValueError(
                        f"early_stopping: this run's checkpoints keep the best epoch by another score than {monitor!r} "
                        f"({mode}); resume with the task's monitor and mode"
                    )
            return STOP if waited >= patience else None
        elif event.kind == "best":
            best_state = jax.tree.map(jnp.copy, event.state)
        elif event.kind == "epoch":
            if improves(event.metrics[monitor]):
                best_state = jax.tree.map(jnp.copy, event.state)  # the next step deletes the state's own buffers
            return STOP if waited >= patience else None
        elif event.kind == "end":
            return best_state
        return None

    return callback


def reduce_on_plateau(
    monitor: str = "val_loss",
    *,
    mode: str = "min",
    factor: float = 0.5,
    patience: int = 5,
    min_delta: float = 0.0,
    least: float = 1e-3,
) -> Callback:
    """Multiply the steps by `factor` when `monitor` has not improved by more than `min_delta` for `patience` epochs.

        rate_t = schedule_t factor^k,    k = plateaus so far

    The optimizer must have `jaxdl.optim.scale_by_factor` in its chain. On a resumed run the epochs before it count.

    Args:
        least: of factor^k.
    Raises: ValueError for a mode other than "min" or "max", a patience below 1, a factor or a least one outside
        (0, 1), a score that does not exist, an optimizer without the factor.
    """
    if mode not in ("min", "max") or patience < 1 or not 0 < factor < 1 or not 0 < least < 1:
        raise ValueError(
            'reduce_on_plateau: mode is "min" or "max", patience >= 1, factor and least in (0, 1), got '
            f"{mode!r}, {patience}, {factor} and {least}"
        )

    def reduced(values: Sequence[float]) -> float:
        best, waited, now = math.inf, 0, 1.0
        for value in values:
            signed = value if mode == "min" else -value
            best, waited = (signed, 0) if signed < best - min_delta else (best, waited + 1)
            if waited == patience:
                now, waited = max(now * factor, least), 0
        return now

    def callback(event: Event) -> TrainState | None:
        if event.kind not in ("begin", "epoch"):
            return None
        state = event.state
        if event.kind == "begin":
            if monitor not in (names := event.history.params["metrics"]):
                raise ValueError(f"reduce_on_plateau: no score {monitor!r}; this run has {', '.join(names)}")
            if not has_factor(state.opt_state):
                raise ValueError("reduce_on_plateau: the optimizer has no optim.scale_by_factor() in its chain")
        now = reduced(event.history.history.get(monitor, []))
        return state._replace(opt_state=with_factor(state.opt_state, now))

    return callback


def json_lines(path: Path) -> Callback:
    """Append one JSON object an epoch to a file; a score that is not finite, which JSON has no word for, is null.

    A resumed run first drops the epochs that it will do again.
    """

    def callback(event: Event) -> None:
        if event.kind == "begin":
            lines = "".join(map(_json_line, event.history.rows()))
            files.write(path, lambda temporary: temporary.write_text(lines))
        elif event.kind == "epoch":
            with path.open("a") as file:
                file.write(_json_line(event.history.rows()[-1]))

    return callback


def _json_line(row: dict[str, float]) -> str:
    finite = {name: value if math.isfinite(value) else None for name, value in row.items()}
    return json.dumps(finite, allow_nan=False) + "\n"


def csv_log(path: Path) -> Callback:
    """Write the history as a CSV table, anew after every epoch."""

    def callback(event: Event) -> None:
        rows = event.history.rows()
        if event.kind in ("epoch", "end") and rows:
            files.write(path, lambda temporary: _write_csv(temporary, rows))

    return callback


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def progress(console: Console | None = None) -> Callback:
    """A bar over all steps of the run, with loss, accuracy, steps per second and the time that remains.

    A streamed run says for which share of its time it waits for data, from 1 % on.
    It says "compiling" until the first steps are done. On a narrow terminal the lesser figures are left out, none cut.
    """
    console = console or Console(stderr=True)
    columns = [TextColumn("{task.description}"), BarColumn(max(8, min(40, console.width - 100))), TimeRemainingColumn()]
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task("compiling", total=None)
    clock = step = 0.0

    def callback(event: Event) -> None:
        nonlocal clock, step
        total = event.history.params["epochs"] * event.history.params["steps"]
        if event.kind == "compile":
            bar.start()
        elif event.kind == "begin":
            bar.update(task, total=total, completed=event.step)
            bar.start()
            clock, step = time.perf_counter(), event.step
        elif event.kind in ("step", "epoch"):
            rate = (event.step - step) / max(time.perf_counter() - clock, 1e-9)
            scores = {name: f"{name} {value:.4f}" for name, value in event.metrics.items()}
            pieces = [scores[name] for name in ("loss", "val_accuracy", "accuracy", "val_loss") if name in scores]
            pieces.insert(2, f"{rate:,.0f} steps/s")
            pieces.insert(3, f"{event.step}/{total}")
            if (waiting := event.metrics.get("waiting", 0.0)) >= 0.01:
                pieces.insert(3, f"waiting {waiting:.0%}")
            epoch = f"epoch {event.epoch}/{event.history.params['epochs']}"
            shown = _fitting([epoch, *pieces], console.width - columns[1].bar_width - len("  0:00:00 "))
            bar.update(task, description=shown, completed=event.step)
        elif event.kind in ("end", "abort"):
            bar.stop()

    return callback


def _fitting(pieces: Sequence[str], width: int) -> str:
    """As many of the pieces as fit, those first that come first."""
    line = ""
    for piece in pieces:
        longer = f"{line}  {piece}" if line else piece
        line = longer if len(longer) <= width else line
    return line


def record(events: list[Any]) -> Callback:
    """Append (kind, epoch, step) of every event to a list: for tests and for learning what happens when."""
    return lambda event: events.append((event.kind, event.epoch, event.step))
