"""Every program that a GPU will run lowers for CUDA from here: at full size, as shapes alone, with a GPU's choices.

What JAX asks the device for is answered by stand-ins: the platform's name, cuDNN's version, the compute capability.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax._src.cudnn import fused_attention_stablehlo as cudnn

from benchmarks.gpu import large
from benchmarks.gpu.settings import RECIPES, WORKLOADS
from benchmarks.studies import many_networks
from benchmarks.workloads import cases, ours, precision
from benchmarks.workloads.case import Case
from jaxdl import decoding, models, recipes
from jaxdl.data import sources
from jaxdl.data.text import BOS, EOS

FUSED = "__cudnn$fmha"


@pytest.fixture(scope="module", autouse=True)
def _gpu() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "default_backend", lambda: "gpu")
        patch.setattr(cudnn, "check_cudnn_version", lambda: 91200)
        patch.setattr(cudnn, "check_compute_capability", lambda capability: True)
        patch.setattr(cudnn, "is_cuda_compute_capability_equal", lambda capability: False, raising=False)
        jax.clear_caches()  # traces for a CPU must not be found again, nor those made here by others
        yield
    jax.clear_caches()


def lowered(function: Callable[..., Any], *args: Any, donate: tuple[int, ...] = ()) -> str:
    """The program for CUDA."""
    with jax.numpy_dtype_promotion("standard"):
        return jax.jit(function, donate_argnums=donate).trace(*args).lower(lowering_platforms=("cuda",)).as_text()


def shapes_of_batch(case: Case) -> dict[str, Any]:
    rows = dataclasses.replace(case, steps=1).data()
    batch: dict[str, Any] = {n: jax.ShapeDtypeStruct(v.shape, v.dtype) for n, v in rows.items() if n != "z"}
    return batch | ({"mask": jax.ShapeDtypeStruct((case.batch,), bool)} if case.kind == "game" else {})


def train_step(case: Case) -> str:
    start = jax.eval_shape(lambda: ours._start(case, recipe=False))
    return lowered(ours._plain_step(case), start, shapes_of_batch(case), donate=(0,))


def params_of(model: Any, config: Any) -> Any:
    return jax.eval_shape(lambda: model.init(jax.random.key(0), config))


WAYS = [
    (name, way)
    for name in cases.NAMES
    for way in precision.PRECISIONS
    if cases.make(name).kind != "decoding" and (way == "f32" or cases.make(name).kind not in precision.ONLY_F32)
]


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_the_training_step_of_every_workload(name: str, way: Any):
    text = train_step(dataclasses.replace(cases.make(name), precision=way))
    assert "jax.buffer_donor" in text or "tf.aliasing_output" in text, "its state is not donated"
    assert ("bf16" in text) == (way == "bf16")
    assert (FUSED in text) == (way == "bf16" and name.startswith("transformer")), "fused attention: half precision only"


@pytest.mark.parametrize("name", ["language-model", "translation"])
def test_the_training_step_of_the_large_models(name: str):
    case = large.case(name)
    text = train_step(case)
    assert FUSED in text
    n_params = sum(leaf.size for leaf in jax.tree.leaves(params_of(case.model, case.config)))
    assert n_params == pytest.approx(125e6, rel=0.02)


def test_decoding():
    case = cases.make("decoding")
    params, source = params_of(case.model, case.config), shapes_of_batch(case)["source"]
    for search, more in ((decoding.greedy, {}), (decoding.beam_search, {"beam": 4})):
        options = {"bos": BOS, "eos": EOS, "max_length": 8} | more

        def write(params: Any, source: Any, search: Any = search, options: Any = options) -> Any:
            return decoding.generate(case.model, params, source, case.config, search, **options)

        assert "stablehlo.while" in lowered(write, params, source)


def test_many_networks_at_once():
    size = many_networks.Size(networks=1024)
    assert many_networks.size_here() == size
    step, start = many_networks._step_and_start(size.config)
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), size.networks))
    params = jax.eval_shape(jax.vmap(lambda key: size.config and many_networks.mlp.init(key, size.config)), keys)
    batch = {
        "x": jax.ShapeDtypeStruct((1024, 128, 784), jnp.float32),
        "y": jax.ShapeDtypeStruct((1024, 128), jnp.int32),
    }
    lowered(jax.vmap(step), jax.eval_shape(jax.vmap(start), params), batch, donate=(0,))


@pytest.mark.parametrize("name", models.names())
def test_the_loss_and_gradient_of_every_model(name: str):
    loss, params = getattr(models, name).example(jax.random.key(0))
    assert lowered(jax.value_and_grad(loss), params)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_the_step_and_scores_of_every_recipe_at_its_whole_size(name: str):
    try:
        task = recipes.load(name).task(recipes.preset(name, "gpu"))
    except (sources.DataNotFound, ImportError) as error:
        pytest.skip(str(error))
    start = jax.eval_shape(task.init, jax.random.key(0))
    batch = {n: jax.ShapeDtypeStruct((64, *v.shape[1:]), v.dtype) for n, v in task.data.train.items()}
    batch |= {"mask": jax.ShapeDtypeStruct((64,), bool)}
    lowered(task.step, start, batch, donate=(0,))
    lowered(task.evaluate, start, batch)


def test_nothing_of_the_plan_is_forgotten():
    assert set(WORKLOADS) <= {"decoding", *(name for name, _ in WAYS)}
