"""Eight games at once and one by one: the same work, the same losses, records that can be read."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.reports import records
from benchmarks.studies import game_sweep
from jaxdl.models import gan
from jaxdl.tasks import adversarial


@pytest.fixture(scope="module")
def small() -> game_sweep.Sweep:
    model = gan.Config(
        size=(2,),
        kind="dense",
        n_latent=3,
        generator=(8,),
        discriminator=(8,),
        output="identity",
        generator_norm="none",
        discriminator_norm="none",
    )
    return game_sweep.Sweep(model, adversarial.Config(), batch=4, steps=5, flops=1000)


@pytest.fixture(autouse=True)
def _known_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.measuring.timing.matmul_peak", lambda: 1e11)


def test_all_ways_give_the_same_losses_of_every_seed_and_step(small: game_sweep.Sweep) -> None:
    found = {row: np.asarray(play()) for row, play in game_sweep.implementations(small).items()}
    assert {values.shape for values in found.values()} == {(game_sweep.SEEDS, small.steps)}
    for row in ("jaxdl-together", "jaxdl-vmap"):
        np.testing.assert_allclose(found[row], found["jaxdl-one-by-one"], rtol=1e-5, err_msg=row)
    assert len(np.unique(found["jaxdl-vmap"][:, 0])) == game_sweep.SEEDS  # every seed is a game of its own


def test_records_are_of_all_games(small: game_sweep.Sweep) -> None:
    found = game_sweep.run(2, {"small-sweep": small})
    assert [record["implementation"] for record in found] == ["jaxdl-together", "jaxdl-vmap", "jaxdl-one-by-one"]
    for record in found:
        assert (record["workload"], record["seeds"], record["batch"]) == ("small-sweep", game_sweep.SEEDS, 4)
        assert record["flops"] == game_sweep.SEEDS * 1000
        assert record["step_ms"]["median"] > 0
    assert "jaxdl-one-by-one" in records.table(found, game_sweep.BASE)


def test_a_way_with_other_losses_is_refused(small: game_sweep.Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(sweep: game_sweep.Sweep) -> dict:
        return {"jaxdl-vmap": lambda: jnp.zeros((8, 5)), "jaxdl-one-by-one": lambda: jnp.full((8, 5), jnp.nan)}

    monkeypatch.setattr(game_sweep, "implementations", wrong)
    base, other = game_sweep.run(2, {"small-sweep": small})
    assert base["step_ms"]["n"] == 2
    assert "differs from jaxdl-together's by inf" in other["not_timed"]
    assert "step_ms" not in other


def test_the_sweeps_are_the_workload_and_the_recipe() -> None:
    found = game_sweep.sweeps()
    assert set(found) == {"gan-sweep", "mixture-sweep"}
    assert found["gan-sweep"].model == gan.Config()
    assert found["mixture-sweep"].batch == found["mixture-sweep"].options.batch_size
    shapes = jax.eval_shape(lambda key: gan.init(key, found["mixture-sweep"].model), jax.random.key(0))
    assert shapes["generator"]["layer_1"]["w"].shape == (128, 128)
