"""The moving average against the sum that it abbreviates, in every dtype, shape and at its edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.ewma import next_step, total_weight
from jaxdl.optim import EwmaState, ewma


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("debias", [True, False])
def test_equals_the_weighted_sum(decay: float, debias: bool, x64: None) -> None:
    stream = np.random.default_rng(0).normal(size=(12, 3))
    weights = (1 - decay) * decay ** np.arange(11, -1, -1.0)
    expected = weights @ stream / (weights.sum() if debias else 1)
    average = ewma(decay, debias=debias)
    state = average.init(jnp.asarray(stream[0]))
    for x in stream:
        state = average.update(state, jnp.asarray(x))
    np.testing.assert_allclose(average.value(state), expected, rtol=1e-13)


def test_a_constant_stream_has_its_own_value_from_the_first_step() -> None:
    average = ewma(0.999)
    state = average.init(jnp.zeros(2))
    for _ in range(3):
        state = average.update(state, jnp.array([5.0, -7.0]))
        np.testing.assert_allclose(average.value(state), [5.0, -7.0], rtol=3e-7)


def test_the_window_holds_most_of_the_weight() -> None:
    """The last 1 / (1 - decay) steps have weight 1 - 1/e, a little more for small windows."""
    for decay in (0.9, 0.99, 0.999):
        weight = float(total_weight(decay, jnp.int32(round(1 / (1 - decay)))))
        assert 1 - 1 / np.e <= weight <= 1 - 1 / np.e + 0.02


@pytest.mark.parametrize("steps", [1, 2, 10, 1000, 100_000])
@pytest.mark.parametrize("decay", [0.9, 0.999, 0.999999])
def test_the_total_weight_does_not_cancel(decay: float, steps: int) -> None:
    exact = -np.expm1(steps * np.log(decay))
    np.testing.assert_allclose(float(total_weight(decay, jnp.int32(steps))), exact, rtol=3e-7)


def test_the_plain_difference_does_cancel() -> None:
    """Why `total_weight` is written as it is: the difference misses the tolerance of the test above by far."""
    assert abs(float(1 - jnp.float32(0.999999)) / 1e-6 - 1) > 1e-2


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_accumulates_in_float32(dtype: str) -> None:
    """A bfloat16 sum would stand still: 0.001 of a change is below its resolution."""
    average = ewma(0.999, debias=False)
    state = average.init({"a": jnp.zeros(2, dtype)})
    for _ in range(100):
        state = average.update(state, {"a": jnp.ones(2, dtype)})
    assert state.average["a"].dtype == jnp.float32
    assert average.value(state)["a"].dtype == jnp.float32
    np.testing.assert_allclose(average.value(state)["a"], 1 - 0.999**100, rtol=1e-5)


def test_float64_stays(x64: None) -> None:
    average = ewma(0.9)
    state = average.update(average.init(jnp.zeros(2)), jnp.ones(2))
    assert average.value(state).dtype == jnp.float64


def test_before_the_first_update_the_value_is_the_start() -> None:
    average = ewma(0.9)
    np.testing.assert_array_equal(average.value(average.init(jnp.ones(2))), np.zeros(2))


def test_a_running_statistic_may_start_at_one() -> None:
    """Batch normalization's running variance starts at 1, without bias correction."""
    average = ewma(0.9, debias=False)
    state = average.update(EwmaState(jnp.ones(1), jnp.zeros((), jnp.int32)), jnp.array([3.0]))
    np.testing.assert_allclose(average.value(state), [1.2], rtol=1e-6)


@pytest.mark.parametrize("debias", [True, False])
def test_a_traced_decay_equals_a_float(debias: bool) -> None:
    x = jnp.array([1.0, -2.0])

    def run(decay: float | jax.Array) -> jax.Array:
        average = ewma(decay, debias=debias)
        return average.value(average.update(average.update(average.init(x), x), 3 * x))

    decays = [0.0, 0.5, 0.75]
    swept = jax.jit(jax.vmap(run))(jnp.array(decays))
    np.testing.assert_allclose(swept, np.stack([run(decay) for decay in decays]), rtol=1e-6)


def test_the_counter_does_not_wrap() -> None:
    assert int(next_step(jnp.int32(2**31 - 1))) == 2**31 - 1
    assert next_step(jnp.int32(0)).dtype == jnp.int32


@pytest.mark.parametrize("decay", [-0.1, 1.0, 2.0, float("nan")])
def test_a_decay_outside_the_range_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        ewma(decay)


def test_another_shape_is_refused_with_both_shapes() -> None:
    average = ewma(0.9)
    state = average.init({"a": {"w": jnp.zeros((3, 1))}})
    with pytest.raises(ValueError, match=r"\['a'\]\['w'\] has shape \(3,\).*made for \(3, 1\)"):
        average.update(state, {"a": {"w": jnp.zeros(3)}})
