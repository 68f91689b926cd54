"""A claim whose experiment is spoiled no longer holds: a verdict that nothing can change proves nothing."""

from collections.abc import Callable
from typing import Any

import jax
import pytest

from jaxdl import claims
from jaxdl.claims._records import measure
from jaxdl.nn import initializers


def call(name: str, change: Callable[..., Any]) -> Callable[[Any], tuple[str, Any]]:
    """A function of the claim's module replaced by one that gets the original first."""

    def replace(module: Any) -> tuple[str, Any]:
        original = getattr(module, name)
        return name, lambda *args, **options: change(original, *args, **options)

    return replace


def value(name: str, change: Callable[[Any], Any]) -> Callable[[Any], tuple[str, Any]]:
    """A constant of the claim's module replaced by a function of what it is."""
    return lambda module: (name, change(getattr(module, name)))


SABOTAGE = {
    "a small normal in place of He's": (
        "variance_through_depth",
        value("NETWORKS", lambda n: n | {"ReLU, He": ("relu", initializers.normal(0.01))}),
    ),
    "two layers without a hidden one": ("xor_needs_two_layers", value("LAYERS", lambda n: n | {"two layers": ()})),
    "random weights in place of zeros": ("zero_weights_learn_nothing", value("STARTS", lambda s: s | {"zero": None})),
    "sigmoid is a ReLU": ("sigmoid_gradients_vanish", call("layer_gradients", lambda f, key, _: f(key, "relu"))),
    "rates a fifth larger than named": (
        "learning_rate_threshold",
        call("path", lambda f, key, rate: f(key, 1.2 * rate)),
    ),
    "momentum without momentum": (
        "momentum_in_a_valley",
        call("optimizers", lambda f: f() | {"momentum": f()["gradient descent"]}),
    ),
    "an average that is never corrected": (
        "ewma_averages_a_window",
        call("average", lambda f, x, decay, *, debias: f(x, decay, debias=False)),
    ),
    "squared error under the other name": (
        "cross_entropy_escapes_saturation",
        call("accuracies", lambda f, key, rate, output, loss, steps: f(key, rate, output, "squared error", steps)),
    ),
    "scores never divided": ("attention_scaling", call("attend", lambda f, key, d, scaled, n: f(key, d, False, n))),
    "positions smuggled in": (
        "attention_without_positions",
        call("gap", lambda f, key, **options: f(key, **options | {"positions": True})),
    ),
    "an autoencoder that is not trained": ("linear_autoencoder_is_pca", value("RATE", lambda rate: 1e-7)),
    "a discriminator of five steps": (
        "optimal_discriminator",
        call("discriminator", lambda f, key, generator, steps: f(key, generator, 5)),
    ),
    "both losses are the minimax loss": (
        "minimax_loss_saturates",
        value("LOSSES", lambda losses: losses | {"non-saturating": losses["minimax"]}),
    ),
    "single examples that are mini-batches": (
        "noise_of_small_batches",
        value("BATCHES", lambda sizes: sizes | {"stochastic": sizes["mini-batch"]}),
    ),
    "the smallest weights stay": (
        "dense_weights_to_spare",
        call("keep_largest", lambda f, params, share: jax.tree.map(lambda m: 1 - m, f(params, 1 - share))),
    ),
    "dropout that drops nothing": (
        "too_small_too_large",
        value("REMEDIES", lambda r: {"dropout": r["dropout"] | {"dropout": 0.0}}),
    ),
    "autoencoders that are not trained": (
        "features_of_autoencoders",
        value("STEPS", lambda steps: 1),
    ),
    "chunks as long as the sequence": (
        "attention_is_parallel",
        value("REMEMBERED", lambda forms: dict.fromkeys(forms, "plain")),
    ),
    "people without a taste": ("neighbors_beat_popularity", value("PREFERENCE", lambda times: 1.0)),
    "another digit than the one asked for": (
        "label_makes_the_generator_obey",
        call("samples", lambda f, key, n, asked, steps: f(key, n, (asked + 1) % 10, steps)),
    ),
    "the lead under another name": (
        "extraction_and_abstraction",
        call("extract", lambda f, story, method, number: f(story, "lead", number)),
    ),
    "layers of one step": ("pretraining_needs_fewer_labels", value("STEPS", lambda steps: 1)),
    "attention taken out": (
        "context_vector_is_a_bottleneck",
        call("models", lambda f: f() | {"attention": f()["one context vector"]}),
    ),
    "a planted error of nothing": ("finite_differences", value("skewed", lambda _: lambda params: params)),
}


def in_its_suite(spoiled: str) -> Any:
    """The quick ones run by default, the others with the slow tests."""
    slow = claims.load(SABOTAGE[spoiled][0]).SECONDS > 5
    return pytest.param(spoiled, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("spoiled", [in_its_suite(spoiled) for spoiled in SABOTAGE])
def test_a_spoiled_experiment_changes_the_verdict(spoiled, monkeypatch):
    name, replacement = SABOTAGE[spoiled]
    module = claims.load(name)
    monkeypatch.setattr(module, *replacement(module))
    record, _ = measure(name, seeds=3, small=True)
    assert record.verdict != "holds", record.checks
