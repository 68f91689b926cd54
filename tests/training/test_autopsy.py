"""What went bad first: the step, the rows, the operation, the pass and the layer; and the file that shows it again."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_tasks import assert_identical, line, rows

from jaxdl.cli import main
from jaxdl.nn import dense, init_dense
from jaxdl.optim import adam, sgd
from jaxdl.runs import autopsies
from jaxdl.training import NonFiniteError, autopsy, fit, init_train_state, make_train_step, nan_stop
from jaxdl.training.blame import find

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
BATCH: Any = {"x": jnp.asarray(X), "mask": jnp.ones(6, bool)}


def two_layers(middle, *, optimizer=None, accumulate=1, scale=1.0):
    """(step, state) of two dense layers with a function between them."""
    optimizer = sgd(0.1) if optimizer is None else optimizer

    def loss_fn(params, state, batch, key):
        y = dense(params["second"], middle(dense(params["first"], batch["x"])))
        loss = (y * y).mean()
        return loss, (state, {"loss": (loss, jnp.float32(1))})

    one, two = jax.random.split(jax.random.key(0))
    params = {"first": init_dense(one, 3, 4), "second": init_dense(two, 4, 1)}
    params = jax.tree.map(lambda leaf: scale * leaf, params)
    return make_train_step(loss_fn, optimizer, accumulate=accumulate), init_train_state(one, params, optimizer)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize(
    ("middle", "options", "phase", "operation", "leaf"),
    [
        (lambda h: jnp.log(h * 0), {}, "forward", "log", "params/first/b"),
        (lambda h: h, {"scale": 1e30}, "forward", "dot_general", "params/second/w"),
        (lambda h: jnp.sqrt(h * 0), {}, "backward", "div", "params/first/b"),
        (lambda h: h, {"optimizer": adam(0.1), "scale": 1e7}, "update", "square", None),
    ],
)
def test_the_first_bad_operation_is_blamed(middle, options, phase, operation, leaf, accumulate):
    step, state = two_layers(middle, accumulate=accumulate, **options)
    found = find(step, state, BATCH)
    assert found is not None
    assert (found.phase, found.operation) == (phase, operation)
    assert leaf in (None, found.leaf)
    here = "test_autopsy.py" if operation in ("log", "div") else "jaxdl/"
    assert found.place.startswith(here), found.place


def test_a_well_step_blames_nobody():
    """An infinity that is thrown away is none: the masked scores before a softmax."""
    step, state = two_layers(lambda h: jax.nn.softmax(jnp.where(jnp.arange(4)[None] > 1, -jnp.inf, h)))
    assert find(step, state, BATCH) is None


def test_what_came_with_the_batch_or_the_state_is_said():
    step, state = two_layers(jnp.tanh)
    found = find(step, state, BATCH | {"x": BATCH["x"].at[4, 1].set(jnp.nan)})
    assert found is not None
    assert (found.phase, found.operation, found.rows) == ("data", "x", (4,))
    broken = state._replace(params=state.params | {"second": {"w": jnp.full((4, 1), jnp.inf), "b": jnp.zeros(1)}})
    found = find(step, broken, BATCH)
    assert found is not None
    assert (found.phase, found.operation) == ("start", "params/second/w")


def test_a_run_is_replayed_from_its_last_good_checkpoint(tmp_path):
    """A row with NaN comes in some step of the first epoch; the checkpoints are of every step before it."""
    data = rows(10)
    data["x"][7, 1] = np.nan
    task = line(data=data)
    options: dict[str, Any] = {"batch_size": 2, "seed": 3}
    with pytest.raises(NonFiniteError) as caught:
        fit(
            task,
            epochs=2,
            **options,
            run_dir=tmp_path,
            save_every=0,
            steps_per_call=1,
            callbacks=[nan_stop()],
        )
    step = caught.value.step
    plain = autopsy.reproduce(task, **options, until=step)
    case = autopsy.reproduce(task._replace(init=_not_the_start(task, step)), **options, until=step, run_dir=tmp_path)
    assert plain is not None
    assert case is not None
    assert_identical(plain.state, case.state)
    found = autopsy.examine(task, case)
    assert found is not None
    assert (found.step, found.rows, found.blame.phase, found.leaf) == (step, [7], "data", "params/b")
    assert f"step {step} went bad first, in the data: x in the batch, training rows 7" in str(found)
    autopsy.write(tmp_path / "case", case)
    again = autopsy.read(tmp_path / "case", jax.eval_shape(task.init, jax.random.key(0)))
    assert_identical(again.state, case.state)
    assert str(autopsy.examine(task, again)) == str(found)
    with pytest.raises(ValueError, match="missing, damaged or of another task"):
        autopsy.read(tmp_path / "none", again.state)
    assert autopsy.reproduce(line(), **options, until=step) is None


def _not_the_start(task, step):
    """The same state, but bad: it is not where the replay begins unless there is no checkpoint."""

    def init(key):
        state = task.init(key)
        return state if step == 1 else state._replace(params=jax.tree.map(lambda leaf: leaf * jnp.nan, state.params))

    return init


def test_the_command_line_says_it_and_says_it_again(tmp_path, monkeypatch, capsys, own_caches):
    monkeypatch.chdir(tmp_path)
    line = ["train", "xor_mlp", "--learning-rate", "1e38", "--optimizer", "sgd", "--epochs", "9", "--run-dir", "run"]
    assert main(line) == 1
    said = capsys.readouterr().err
    assert "went bad first, in the " in said
    assert "again: jaxdl check run" in said
    assert (tmp_path / "run" / autopsies.FILE).is_file()
    assert main(["check", "run"]) == 1
    again = capsys.readouterr().out.strip()
    assert again.startswith("step ")
    assert again in said.replace("\n", " ")
