"""The timer: order of the calls, what is counted, and figures that must come out."""

import gc
import time

import jax.numpy as jnp
import pytest

from benchmarks.measuring.timing import SHORT_S, Timing, matmul_peak, measure, summarize, table


def test_rounds_are_interleaved_in_many_orders_and_warmups_are_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.measuring.timing.SHORT_S", 0.0)
    calls: list[str] = []
    timings = measure({name: lambda name=name: calls.append(name) for name in "abc"}, rounds=30, warmup=2)
    assert "".join(calls[:6]) == "aabbcc"
    rounds = ["".join(calls[i : i + 3]) for i in range(6, len(calls), 3)]
    assert {"".join(sorted(order)) for order in rounds} == {"abc"}
    assert len(rounds) == 30
    assert len(set(rounds)) == 6  # every order comes
    assert {t.rounds for t in timings.values()} == {30}


def test_a_short_thunk_is_called_once_more_in_front_of_each_timed_call() -> None:
    calls, pauses = {"short": 0, "long": 0}, {"short": 0.0, "long": SHORT_S}

    def thunk(name: str) -> None:
        calls[name] += 1
        time.sleep(pauses[name])

    measure({name: lambda name=name: thunk(name) for name in calls}, rounds=2, warmup=1)
    assert calls == {"short": 1 + 2 * 2, "long": 1 + 2}


def test_a_sleep_is_measured_and_compared() -> None:
    timings = measure({"short": lambda: time.sleep(0.002), "long": lambda: time.sleep(0.02)}, rounds=3)
    assert timings["short"].median >= 0.002
    assert 0.02 <= timings["long"].fastest <= timings["long"].q1 <= timings["long"].median <= timings["long"].q3


def test_the_first_slow_call_is_not_counted() -> None:
    pauses = iter([0.2])
    timings = measure({"compiles": lambda: time.sleep(next(pauses, 0.0))}, rounds=3, warmup=1)
    assert timings["compiles"].fastest < 0.1


def test_the_result_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[object] = []
    monkeypatch.setattr("jax.block_until_ready", waited.append)
    x = jnp.ones(2)
    measure({"x": lambda: x}, rounds=2, warmup=1)
    assert len(waited) == 1 + 2 * 2
    assert all(w is x for w in waited)


def test_the_garbage_collector_is_restored_after_an_error() -> None:
    answers = iter([None])
    with pytest.raises(StopIteration):
        measure({"fails": lambda: next(answers)}, rounds=2, warmup=1)
    assert gc.isenabled()


def test_quartiles() -> None:
    assert summarize([0.0, 1.0, 2.0, 3.0, 100.0]) == Timing(2.0, 1.0, 3.0, 0.0, 5)


def test_peak_is_a_plausible_rate() -> None:
    assert 1e8 < matmul_peak(256, rounds=3) < 1e15


def test_table_compares_with_the_reference() -> None:
    timings = {"ours": summarize([0.001, 0.001]), "theirs": summarize([0.004, 0.004])}
    assert [line.split()[-1] for line in table(timings, "theirs").splitlines()] == ["0.25", "1.00"]
    assert [line.split()[-1] for line in table(timings).splitlines()] == ["1.00", "4.00"]


@pytest.mark.parametrize(("rounds", "warmup"), [(1, 1), (2, 0)])
def test_too_few_rounds_are_refused(rounds: int, warmup: int) -> None:
    with pytest.raises(ValueError, match="2 rounds and 1 warm-up"):
        measure({"x": lambda: None}, rounds=rounds, warmup=warmup)
