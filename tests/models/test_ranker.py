"""The ranker: what it is shown of a text, which sentences count, and that it learns which one is labeled."""

import dataclasses
import functools
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import optim
from jaxdl.losses import sparse_categorical_cross_entropy
from jaxdl.models import ranker

CONFIG = ranker.Config(n_hash=64, n_embedding=4, n_grams=8, n_sentences=4, width=8, dropout=0.0)
TEXTS = [
    ["We propose a fox.", "It hunts 3 mice.", "Does it sleep?"],
    ["The sky is blue.", "We propose a bird."],
    ["Corn grows here.", "Rain fell.", "Mice came.", "We propose a cat."],
    ["We propose a mouse."],
]
apply = jax.jit(functools.partial(ranker.apply, config=CONFIG))
LABELS = jnp.array([0, 1, 3, 0])


@pytest.fixture(scope="module")
def batch():
    rows = [ranker.encode(text, CONFIG) for text in TEXTS]
    return {name: jnp.asarray(np.stack([row[name] for row in rows])) for name in rows[0]}


def test_features_say_where_and_what():
    found = ranker.features(TEXTS[0])
    assert found.shape == (3, ranker.N_FEATURES)
    np.testing.assert_array_equal(found[:, :4], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]])
    np.testing.assert_allclose(found[:, 4], [0, 0.5, 1])
    np.testing.assert_array_equal(found[:, 7:9], [[0, 0], [1, 0], [0, 1]])
    assert found.min() >= 0
    assert found.max() <= 1
    assert ranker.features([]).shape == (0, ranker.N_FEATURES)


def test_encode_hashes_words_and_pairs_and_cuts():
    row = ranker.encode(["We propose a fox.", *["More."] * 5], CONFIG)
    assert row["present"].tolist() == [True] * 4
    assert (row["tokens"][0] > 0).sum() == 7  # four words, three pairs
    assert row["tokens"].max() < CONFIG.n_hash
    assert row["tokens"][0, 1] == 1 + zlib.crc32(b"propose") % 63


def test_padding_has_no_influence(key, batch):
    params = ranker.init(key, CONFIG)
    scores = apply(params, batch)
    assert (scores[1, 2:] == jnp.finfo(scores.dtype).min).all()
    noisy = batch | {
        "tokens": jnp.where(batch["present"][..., None], batch["tokens"], jnp.full_like(batch["tokens"], 5)),
        "features": jnp.where(batch["present"][..., None], batch["features"], jnp.full_like(batch["features"], 9.0)),
    }
    np.testing.assert_array_equal(apply(params, noisy), scores)


def test_dropout_needs_a_key(key, batch):
    config = dataclasses.replace(CONFIG, dropout=0.5)
    params = ranker.init(key, config)
    dropped = jax.jit(functools.partial(ranker.apply, config=config))
    np.testing.assert_array_equal(dropped(params, batch), apply(params, batch))
    assert (dropped(params, batch, key=key) != apply(params, batch)).any()


def test_it_learns_which_sentence_is_labeled(key, batch):
    optimizer = optim.adam(3e-2)
    params = ranker.init(key, CONFIG)

    def loss(params):
        return sparse_categorical_cross_entropy(apply(params, batch), LABELS).mean()

    @jax.jit
    def descend(params):
        def body(_, carry):
            params, state = carry
            updates, state = optimizer.update(jax.grad(loss)(params), state, params)
            return jax.tree.map(jnp.add, params, updates), state

        return jax.lax.fori_loop(0, 150, body, (params, optimizer.init(params)))[0]

    trained = descend(params)
    before, after = jax.vmap(loss)(jax.tree.map(lambda *leaves: jnp.stack(leaves), params, trained))
    assert after < 1e-2 < before
    longer = [*TEXTS[2], "It rained.", "It snowed."]  # more sentences than the training looked at
    probabilities = ranker.rank(trained, longer, CONFIG)
    assert probabilities.shape == (6,)
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert probabilities.argmax() == 3
    assert ranker.rank(trained, [], CONFIG).shape == (0,)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="n_hash must be positive, got 0"):
        ranker.Config(n_hash=1)
