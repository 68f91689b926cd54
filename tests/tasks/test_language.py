"""Language models: windows that count every token once, bits per character, and what is written."""

import math
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.applications import writing
from jaxdl.data import text
from jaxdl.metrics import scalars
from jaxdl.models import transformer
from jaxdl.tasks import language
from jaxdl.tasks.language import Language
from jaxdl.tasks.supervised import Config
from jaxdl.training import evaluate, fit

TOKENIZER = text.character_tokenizer(["abcdef"])


def small(length: int, tokenizer=TOKENIZER) -> Language:
    n = text.vocabulary_size(tokenizer)
    sizes = {"d_model": 16, "n_heads": 2, "d_hidden": 32, "dropout": 0.0, "positions": "rotary"}
    return Language(transformer.Config(n, n, n_encoder_layers=0, n_decoder_layers=1, **sizes), tokenizer, length)


@settings(max_examples=200, deadline=None)
@given(st.text("abcdef", min_size=1, max_size=60), st.integers(1, 20), st.booleans())
def test_every_token_is_counted_once_and_in_order(part, length, overlap):
    arrays = language.windows(small(length), part, overlap=overlap)
    counted = arrays["tokens"][:, 1:][arrays["counted"]]
    assert counted.tolist() == text.encode(TOKENIZER, part)
    assert (arrays["tokens"][:, 0] == text.BOS).all()
    assert arrays["characters"][0] * arrays["counted"].sum() == pytest.approx(len(part))
    if overlap:
        first = arrays["counted"][1:].argmax(1)
        assert (first >= length // 2).all()


def test_a_model_without_knowledge_needs_the_logarithm_of_its_vocabulary(key):
    system = small(8)
    built = language.task(system, Config(epochs=1, batch_size=2), ("abcdef" * 10, "abc", "fed"))
    state = built.init(key)
    flat = jax.tree.map(lambda leaf: leaf * 0, state.params)
    values = scalars(evaluate(built.evaluate, state._replace(params=flat), built.data.test))
    assert values["bits_per_character"] == pytest.approx(math.log2(10), rel=1e-5)
    assert values["loss"] == pytest.approx(math.log(10), rel=1e-5)


def test_bits_are_shared_among_the_characters_of_a_token(key):
    """Two tokens of three characters each: the bits of a token over three."""
    tokenizer = text.Tokenizer("words", ("abc", "def"))
    system = small(4, tokenizer)
    built = language.task(system, Config(epochs=1, batch_size=1), ("abc def abc def", "", "abcdef abcdef"))
    state = built.init(key)
    flat = state._replace(params=jax.tree.map(lambda leaf: leaf * 0, state.params))
    values = scalars(evaluate(built.evaluate, flat, built.data.test))
    assert values["bits_per_character"] == pytest.approx(2 * math.log2(6) / len("abcdef abcdef"), rel=1e-5)


@pytest.fixture(scope="module")
def counting():
    """A model that has learned abcdefabcdef...; and its parameters."""
    system = small(16)
    config = Config(epochs=30, batch_size=8, learning_rate=1e-2)
    built = language.task(system, config, ("abcdef" * 100, "abcdef" * 5, "abcdef" * 5))
    return system, fit(built, epochs=config.epochs, batch_size=config.batch_size).state.params


def test_it_goes_on_far_beyond_its_window(counting):
    system, params = counting
    key = jax.random.key(1)
    chosen: list[dict[str, Any]] = [{"temperature": 0}, {"temperature": 0.5, "top_k": 2}, {"top_p": 0.5}]
    for options in chosen:
        written = writing.write(system, params, "cde", length=60, key=key, **options)
        assert written == ("cdefab" * 20)[:63], options


def test_it_writes_no_special_token_and_as_many_as_asked(counting, caplog):
    system, params = counting
    wild = writing.write(system, params, "", length=50, temperature=100, key=jax.random.key(2))
    assert len(wild) == 50
    assert set(wild) <= set("abcdef")
    assert set(wild) == set("abcdef")
    unknown = writing.write(system, params, "?a", length=3, temperature=0, key=jax.random.key(0))
    assert unknown[:2] == text.REPLACEMENT + "a"
    assert "characters that the model does not know" in caplog.text
    assert writing.write(system, params, "", length=5, key=jax.random.key(3)) == writing.write(
        system, params, "", length=5, key=jax.random.key(3)
    )


def test_the_parts_are_the_whole_text():
    whole = "".join(np.random.default_rng(0).choice(list("abc"), 997))
    parts = language.split(whole, 0.1, 0.05)
    assert "".join(parts) == whole
    assert [len(part) for part in parts] == [847, 100, 50]
