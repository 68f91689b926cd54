"""A drawn series, its windows, and forecasts without a model."""

import numpy as np
import pytest

from jaxdl.data import series


def test_the_noise_has_its_deviation_and_its_memory():
    drawn = series.seasons(60_000, persistence=0.8, noise=0.3, seed=3)
    u = (drawn.values - drawn.season).astype(np.float64)
    assert u.std() == pytest.approx(0.3, rel=0.03)
    assert np.corrcoef(u[:-1], u[1:])[0, 1] == pytest.approx(0.8, abs=0.01)
    np.testing.assert_allclose(drawn.season[: -series.WEEK], drawn.season[series.WEEK :], atol=1e-4)


def test_no_window_sees_its_target_or_later():
    values = np.arange(50, dtype=np.float32)  # each value says its own time
    for ahead in (1, 6):
        part = series.windows(values, 8, ahead)
        assert (part["y"] == part["time"]).all()
        np.testing.assert_array_equal(part["x"][:, -1, 0], part["time"] - ahead)
        assert part["time"][-1] == 49
        train, validation, test = series.split_by_time(part, 0.1, 0.2)
        assert train["time"].max() < validation["time"].min() < validation["time"].max() < test["time"].min()
        assert sum(len(p["y"]) for p in (train, validation, test)) == len(part["y"])


@pytest.mark.parametrize("ahead", [1, 6, 24, 25])
def test_naive_forecasts_use_nothing_younger_than_they_may(ahead):
    values, time = np.arange(200.0), np.arange(100, 200)
    for season in (1, 24):
        age = time - series.naive(values, time, ahead, season=season)
        assert (age >= ahead).all()
        assert (age < ahead + season).all()
        assert (age % season == 0).all()


def test_a_series_without_a_window_is_refused():
    with pytest.raises(ValueError, match="10 values hold no window of 8 and one 3 steps later"):
        series.windows(np.zeros(10), 8, 3)
