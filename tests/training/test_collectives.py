"""The collectives of compiled programs: counted as XLA writes them, and held against formulas on eight devices."""

import dataclasses

import jax
import pytest

from benchmarks.studies import scaling
from jaxdl.models import transformer
from jaxdl.training.collectives import Collective, collectives, sent

pytestmark = pytest.mark.skipif(len(jax.devices()) < 8, reason="needs eight devices")
SMALL = transformer.Config(
    64, 64, d_model=32, n_heads=8, n_encoder_layers=0, n_decoder_layers=7, d_hidden=64, dropout=0.0, pad=None
)

LOOPS = """HloModule jit_step
%add (a: f32[], b: f32[]) -> f32[] {
  ROOT %c = f32[] add(%a, %b)
}
%inner (p: f32[8]) -> f32[8] {
  %r = (f32[4,2]{1,0}, bf16[3]{0}) all-reduce(%p, %q), replica_groups={{0,1,2,3},{4,5,6,7}}, to_apply=%add
}
%body (p: f32[8]) -> f32[8] {
  %g = f32[16]{0} all-gather(%p), replica_groups=[1,8]<=[8], dimensions={0}
  %w = f32[8]{0} while(%g), condition=%add, body=%inner, backend_config={"known_trip_count":{"n":"3"}}
}
ENTRY %main (p: f32[8]) -> f32[8] {
  %w = f32[8]{0} while(%p), condition=%add, body=%body, backend_config={"known_trip_count":{"n":"5"}}
  %s = s32[2]{0} reduce-scatter(%w), replica_groups=mesh['a'=2,'b'=4] {'b'}, to_apply=%add
  %t = pred[6]{0} all-to-all(%w), replica_groups=mesh['a'=2,'b'=4] {'a','b':(1)2}
  %m = f32[5]{0} collective-permute(%w), source_target_pairs={{0,1},{1,0}}
  %n = f32[5]{0} all-reduce(%w), replica_groups=[8,1]<=[8], to_apply=%add
}
"""


def test_loops_groups_and_kinds_are_read():
    assert sorted(collectives(LOOPS)) == [
        Collective("all-gather", 64, 8, 5),
        Collective("all-reduce", 38, 4, 15),
        Collective("all-to-all", 6, 4, 1),
        Collective("collective-permute", 20, 2, 1),
        Collective("reduce-scatter", 32, 4, 1),
    ]
    assert sent(LOOPS)["all-reduce"] == 2 * 38 * 15 * 3 / 4


@pytest.mark.slow
def test_of_a_large_table_the_rows_are_gathered_rather_than_summed():
    config = dataclasses.replace(SMALL, n_source=2048, n_target=2048)
    counted = sent(scaling.compiled(config, {"shard": 8}, 8, 8).as_text())
    assert counted == pytest.approx(scaling.foretold(config, {"shard": 8}, 8, 8))


@pytest.mark.parametrize(
    "mesh",
    [
        {"shard": 8},
        *(pytest.param(mesh, marks=pytest.mark.slow) for mesh in ({"data": 8}, {"model": 8}, {"data": 2, "model": 4})),
    ],
    ids=lambda mesh: ",".join(f"{axis}={size}" for axis, size in mesh.items()),
)
def test_a_step_sends_what_the_formula_says(mesh):
    text = scaling.compiled(SMALL, mesh, 16, 24).as_text()
    assert sent(text) == pytest.approx(scaling.foretold(SMALL, mesh, 16, 24))
    if "shard" in mesh:  # one layer at a time: never the stack of all seven
        gathered = [one for one in collectives(text) if one.kind == "all-gather"]
        assert max(one.size for one in gathered) <= 4 * 32 * 96
        assert {one.times for one in gathered} == {1, 7}
