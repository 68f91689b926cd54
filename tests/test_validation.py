"""Every Config checks the types of its fields: what stands in a script is as wrong as what stands on a command line."""

import dataclasses
import typing

import pytest

from jaxdl import models, recipes
from jaxdl.models import mlp
from jaxdl.validation import describe, fits

RIGHT = {
    "mlp": {"n_in": 4, "n_out": 3},
    "linear": {"n_in": 4},
    "autoencoder": {"shape": (4,), "n_code": 2},
    "factorization": {"n_users": 3, "n_items": 3},
    "softmax_factorization": {"n_items": 3},
    "seq2seq": {"n_source": 5, "n_target": 5},
    "text_cnn": {"n_tokens": 5, "n_classes": 2},
    "transformer": {"n_source": 5, "n_target": 5},
    "vae": {"shape": (4,), "n_latent": 2},
}


def configurations():
    for name in models.names():
        kind = getattr(getattr(models, name), "Config", None)
        if kind is not None:
            yield name, kind(**RIGHT.get(name, {}))
    for name in recipes.names():
        yield name, recipes.load(name).Config()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("widths", [8], r"mlp: widths must be a tuple of whole numbers, got \[8\]; write \(8,\)"),
        ("widths", (8.0,), r"mlp: widths must be a tuple of whole numbers, got \(8.0,\)"),
        ("n_in", "4", "mlp: n_in must be a whole number, got '4'"),
        ("n_in", True, "mlp: n_in must be a whole number, got True"),
        ("dropout", "0.1", "mlp: dropout must be a number, got '0.1'"),
        ("activation", None, "mlp: activation must be a text, got None"),
    ],
)
def test_a_field_of_another_type_is_named(field, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(mlp.Config(n_in=4, n_out=3), **{field: value})


@pytest.mark.parametrize("seed", [-1, 2**32, 2.5, "0"])
def test_a_seed_is_a_whole_number_of_32_bits(seed):
    with pytest.raises(ValueError, match=r"seed must be a whole number from 0 to 2\*\*32 - 1, got"):
        recipes.load("xor_mlp").Config(seed=seed)
    with pytest.raises(ValueError, match=r"seed must be a whole number from 0 to 2\*\*32 - 1, got"):
        recipes.load("digits_gan").Config(seed=seed)


def test_every_field_of_every_model_and_recipe_refuses_another_type():
    checked = 0
    for name, right in configurations():
        hints = typing.get_type_hints(type(right))
        for field in dataclasses.fields(right):
            with pytest.raises(ValueError, match=rf"{field.name}.*got .*object"):
                dataclasses.replace(right, **{field.name: object()})
            assert fits(getattr(right, field.name), hints[field.name]), (name, field.name)
            checked += 1
    assert checked > 500


def test_types_in_words():
    assert describe(typing.Literal["a", "b"]) == "one of 'a', 'b'"
    assert describe(float | None) == "a number or None"
    assert describe(mlp.Config) == "a models.mlp.Config"
