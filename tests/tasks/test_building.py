"""The options of a step: micro-batches, the average of the parameters, mixed precision, and what they leave alone."""

import dataclasses
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.data import Splits
from jaxdl.data.batches import in_order, take_batch
from jaxdl.data.text import character_tokenizer, vocabulary_size
from jaxdl.ewma import ewma
from jaxdl.metrics import value
from jaxdl.models import autoencoder, bind, linear, mlp, softmax_factorization, transformer
from jaxdl.optim import average_parameters, averaged
from jaxdl.tasks import autoencoding, factorization, language
from jaxdl.tasks.supervised import Config, classification, regression
from jaxdl.training import fit
from jaxdl.training.together import fit_many

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (14, 4, 4, 1)).astype(np.uint8)
VISITS = RNG.integers(0, 2, (14, 7)).astype(np.uint8)
X = RNG.normal(size=(14, 5)).astype(np.float32)
Y = RNG.integers(0, 3, 14)
PLAIN = Config(batch_size=8, epochs=2, optimizer="sgd", learning_rate=0.3, l2=0.01)


def classifier(config: Config, **data: Any):
    part = {"x": X, "y": Y} | data
    return classification(
        bind(mlp, mlp.Config(n_in=5, n_out=3, widths=(6,))), config, Splits(part, part, {}), ("a", "b", "c")
    )


def a_language_model(config: Config):
    words = "to be or not to be that is the question"
    tokenizer = character_tokenizer([words])
    n = vocabulary_size(tokenizer)
    sizes: Any = {"d_model": 8, "n_heads": 2, "d_hidden": 8, "dropout": 0.0}
    model = transformer.Config(n, n, n_encoder_layers=0, n_decoder_layers=1, **sizes)
    return language.task(language.Language(model, tokenizer, 6), config, (words * 2, words, ""))


def an_autoencoder(config: Config):
    part = {"x": IMAGES}
    return autoencoding.task(autoencoder.Config(shape=(4, 4, 1), n_code=3, widths=(6,)), config, Splits(part, part, {}))


def visits(config: Config):
    part = {"x": VISITS, "shown": 0 * VISITS}
    model = softmax_factorization.Config(n_items=7, n_factors=3)
    return factorization.visits_task(model, config, Splits(part, part, {}))


def a_regression(config: Config):
    part = {"x": X, "y": X.sum(1)}
    return regression(bind(linear, linear.Config(n_in=5)), config, Splits(part, part, {}))


TASKS: dict[str, Any] = {
    "classifier": classifier,
    "class weights": lambda config: classifier(dataclasses.replace(config, class_weights=(1.0, 2.0, 5.0))),
    "weights of examples": lambda config: classifier(config, weight=np.linspace(0.1, 2.0, 14, dtype=np.float32)),
    "regression": a_regression,
    "language": a_language_model,
    "autoencoder": an_autoencoder,
}


def batch_of(task: Any, i: int):
    data: Any = task.data.train
    n = len(next(iter(data.values())))
    return take_batch(data, in_order(n, 8), i, n)


def stepped(task: Any, i: int):
    return jax.jit(task.step)(task.init(jax.random.key(0)), batch_of(task, i))


def assert_near(a: Any, b: Any, **tolerance: Any) -> None:
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(y, x, **tolerance)


@pytest.mark.parametrize("name", TASKS)
def test_micro_batches_do_what_their_batch_does(name):
    """Also where a batch is not full (6 of 8 rows), 3 do not divide 8, and rows count differently."""
    task, other = TASKS[name](PLAIN), TASKS[name](dataclasses.replace(PLAIN, accumulate=3))
    for i in (0, 1) if name == "classifier" else (1,):
        (state, metrics), (accumulated, more) = stepped(task, i), stepped(other, i)
        assert_near(state.params, accumulated.params, rtol=1e-5, atol=1e-6)
        assert_near(metrics, more, rtol=1e-5, atol=1e-5)


def test_a_micro_batch_of_padding_alone_counts_nothing():
    """The last batch has 6 rows of 8: the last of four micro-batches is empty."""
    state, _ = stepped(classifier(PLAIN), 1)
    accumulated, _ = stepped(classifier(dataclasses.replace(PLAIN, accumulate=4)), 1)
    assert_near(state.params, accumulated.params, rtol=1e-5, atol=1e-6)


def test_the_average_is_evaluated_and_handed_back():
    """Written out: the parameters after every step, averaged by `ewma`, scored by the plain task."""
    plain, task = classifier(PLAIN), classifier(dataclasses.replace(PLAIN, ewma=0.6))
    average = ewma(0.6)
    kept = average.init(plain.init(jax.random.key(0)).params)

    def follow(event):
        nonlocal kept
        if event.kind == "step":
            kept = average.update(kept, event.state.params)

    options: dict[str, Any] = {"epochs": 2, "batch_size": 8, "steps_per_call": 1}
    last = fit(plain, **options, callbacks=[follow]).state
    state, history = fit(task, **options)
    assert_near(average.value(kept), state.params, rtol=1e-5, atol=1e-6)
    assert not np.allclose(state.params["layer_0"]["w"], last.params["layer_0"]["w"], atol=1e-3)
    validation: Any = plain.data.validation
    scores = plain.evaluate(state, take_batch(validation, in_order(14, None), 0, 14))
    assert history.history["val_loss"][-1] == pytest.approx(float(value(scores["loss"])), rel=1e-5)
    many = fit_many(task, seeds=[0], epochs=2, batch_size=8)
    assert_near(jax.tree.map(lambda leaf: leaf[0], many.states.params), state.params, rtol=1e-5, atol=1e-6)


def test_before_the_first_step_the_average_is_the_start():
    params = {"w": jnp.ones(2)}
    assert averaged(params, average_parameters(0.9).init(params), 0.9)["w"].tolist() == [1.0, 1.0]
    assert averaged(params, optax.sgd(0.1).init(params), 0.9) is params


@pytest.mark.parametrize("name", ["classifier", "regression", "language", "autoencoder", "visits"])
def test_bf16_computes_in_bf16_and_keeps_float32(name):
    make = {**TASKS, "visits": visits}[name]
    options = dataclasses.replace(PLAIN, optimizer="adam", learning_rate=0.01)
    plain, task = make(options), make(dataclasses.replace(options, precision="bf16"))
    state, metrics = stepped(task, 0)
    kept = jax.tree.leaves((state.params, state.state, state.opt_state, metrics))
    assert not [leaf.dtype for leaf in kept if leaf.dtype == jnp.bfloat16]
    assert _dots(plain) == {"f32"}
    assert _dots(task) - ({"f32"} if name == "language" else set()) == {"bf16"}  # attention's softmax is wide
    before = plain.init(jax.random.key(0)).params
    moved = [jax.tree.map(jnp.subtract, after.params, before) for after in (stepped(plain, 0)[0], state)]
    cosine = [
        sum(float((a * b).sum()) for a, b in zip(*map(jax.tree.leaves, pair), strict=True))
        for pair in ((moved[0], moved[1]), (moved[0], moved[0]), (moved[1], moved[1]))
    ]
    assert cosine[0] / (cosine[1] * cosine[2]) ** 0.5 > 0.9


def _dots(task: Any) -> set[str]:
    """The dtypes of the operands of the matrix products in a step."""
    batch = batch_of(task, 0)
    text = str(jax.make_jaxpr(task.step)(task.init(jax.random.key(0)), batch))
    products = re.findall(r":(\w+)\[[^\]]*\] = dot_general", text)
    return set(products)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulate": 0}, "accumulate must be positive, got 0"),
        ({"accumulate": 9}, "accumulate 9 is more than the 8 rows of a batch"),
        ({"ewma": 1.0}, r"ewma is a decay, .* in \[0, 1\), got 1.0"),
        ({"precision": "f16"}, "precision"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PLAIN, **options)


def test_the_option_plateau_halves_the_rate():
    task = classifier(dataclasses.replace(PLAIN, plateau=1, learning_rate=1e-12))  # nothing improves
    state = fit(task, epochs=4, batch_size=8).state
    assert [float(x) for x in jax.tree.leaves(state.opt_state) if x.dtype == jnp.float32] == [0.125]
    with pytest.raises(ValueError, match="--plateau"):
        fit_many(task, seeds=[0, 1], epochs=1, batch_size=8)
