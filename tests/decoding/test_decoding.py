"""Greedy decoding, sampling and beam search over a tiny model that remembers everything it has read."""

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import decoding

PAD, BOS, EOS, V, T = 0, 1, 2, 5, 4
B = 3
WIDE = 40  # beams: more than the 31 sequences of up to T tokens


def decode_step(params, cache, token):
    """A random recurrent network; `source` is never changed, `position` is shared."""
    h = jnp.tanh(cache["h"] @ params["h"] + params["token"][token] + cache["source"])
    never = jnp.where(jnp.arange(V) <= BOS, -50.0, 0.0)  # padding and the start token
    return cache | {"h": h, "position": cache["position"] + 1}, h @ params["out"] + jnp.broadcast_to(never, (len(h), V))


@pytest.fixture(scope="module")
def params():
    keys = jax.random.split(jax.random.key(3), 3)
    shapes = {"h": (6, 6), "token": (V, 6), "out": (6, V)}
    return {name: 1.5 * jax.random.normal(k, shape) for k, (name, shape) in zip(keys, shapes.items(), strict=True)}


def start(n=B):
    source = jax.random.normal(jax.random.key(4), (B, 6))[:n]
    return {"h": jnp.zeros((n, 6)), "source": source, "position": jnp.zeros((), jnp.int32)}


OPTIONS: dict[str, Any] = {"bos": BOS, "eos": EOS, "max_length": T}
greedy = jax.jit(lambda params, cache: decoding.greedy(decode_step, params, cache, **OPTIONS))


def beam_search(beam):
    def search(params, cache, alpha):
        return decoding.beam_search(decode_step, params, cache, beam=beam, length_penalty=alpha, **OPTIONS)

    return jax.jit(search)


def every_sequence(params, row):
    """{tokens: log-probability} of all sequences: those that end, and those that are cut off at T tokens."""
    weights = jax.tree.map(np.asarray, (params, start()))
    params, cache = weights
    found = {}

    def walk(tokens, h, total):
        if len(tokens) == T or (tokens and tokens[-1] == EOS):
            found[tokens] = total
            return
        h = np.tanh(h @ params["h"] + params["token"][tokens[-1] if tokens else BOS] + cache["source"][row])
        logits = (h @ params["out"]).astype(float)
        logits[: BOS + 1] -= 50
        log_p = logits - np.log(np.exp(logits).sum())
        for token in range(BOS + 1, V):
            walk((*tokens, token), h, total + log_p[token])

    walk((), np.zeros(6), 0.0)
    return found


def without_end(tokens):
    tokens = tokens[:-1] if tokens[-1] == EOS else tokens
    return [*tokens, *[PAD] * (T - len(tokens))]


def test_exhaustive_search_agrees_with_a_wide_beam(params):
    search = beam_search(WIDE)
    for alpha in (0.0, 0.6, 1.5):
        found = search(params, start(), alpha)
        for row in range(B):
            scores = {y: log_p / ((5 + len(y)) / 6) ** alpha for y, log_p in every_sequence(params, row).items()}
            ranked = sorted(scores, key=lambda y: -scores[y])
            n = len(ranked)
            assert n == 31
            np.testing.assert_allclose(found.scores[row, :n], [scores[y] for y in ranked], rtol=1e-5, atol=1e-5)
            for k in range(5):
                np.testing.assert_array_equal(found.tokens[row, k], without_end(ranked[k]))
                assert found.lengths[row, k] == len(ranked[k]) - (ranked[k][-1] == EOS)
            assert (found.scores[row, n:] < -20).all()  # padding and start tokens inside, or beams that do not exist


def test_one_beam_is_greedy(params):
    ours, theirs = greedy(params, start()), beam_search(1)(params, start(), 0.0)
    np.testing.assert_array_equal(ours.tokens, theirs.tokens[:, 0])
    np.testing.assert_array_equal(ours.lengths, theirs.lengths[:, 0])
    np.testing.assert_allclose(ours.scores, theirs.scores[:, 0], rtol=1e-6)


def test_greedy_takes_the_likeliest_and_scores_it(params):
    result = greedy(params, start())
    for row in range(B):
        scores = every_sequence(params, row)
        tokens = tuple(np.asarray(result.tokens[row])[: int(result.lengths[row])].tolist())
        tokens = tokens if len(tokens) == T else (*tokens, EOS)
        assert result.scores[row] == pytest.approx(scores[tokens], rel=1e-5)


def test_a_wider_beam_is_no_worse_and_rows_do_not_touch(params):
    narrow, wide = (beam_search(k)(params, start(), 0.6) for k in (1, WIDE))
    assert (wide.scores[:, 0] >= narrow.scores[:, 0] - 1e-6).all()
    four = beam_search(4)(params, start(), 0.6)
    alone = beam_search(4)(params, start(1), 0.6)
    np.testing.assert_array_equal(four.tokens[:1], alone.tokens)
    np.testing.assert_allclose(four.scores[:1], alone.scores, rtol=1e-5)


@pytest.mark.parametrize("search", [decoding.greedy, functools.partial(decoding.beam_search, beam=1)])
def test_the_loop_ends_when_every_sequence_has(search):
    steps = []

    def count_down(params, cache, token):
        jax.debug.callback(lambda: steps.append(1))
        left = cache["left"] - 1
        return {"left": left}, 30 * jax.nn.one_hot(jnp.where(left <= 0, EOS, 3), V)

    result = search(count_down, {}, {"left": jnp.array([2, 4])}, bos=BOS, eos=EOS, max_length=50)
    jax.effects_barrier()
    assert len(steps) == 4
    assert result.lengths.reshape(2, -1)[:, 0].tolist() == [1, 3]


def test_prompts_of_any_length_are_kept(params):
    prompt = jnp.array([[3, 4], [4, 0], [0, 0]])
    free = greedy(params, start())
    for search in (decoding.greedy, decoding.beam_search):
        result = jax.jit(lambda p, c, search=search: search(decode_step, p, c, prompt=prompt, **OPTIONS))(
            params, start()
        )
        tokens = result.tokens.reshape(B, -1, T)
        assert (tokens[0, 0, :2] == prompt[0]).all()
        assert tokens[1, 0, 0] == 4
        if search is decoding.greedy:
            np.testing.assert_array_equal(tokens[2, 0], free.tokens[2])
            scores = every_sequence(params, 0)
            y = tuple(np.asarray(tokens[0, 0])[: int(result.lengths[0])].tolist())
            assert result.scores[0] == pytest.approx(scores[y if len(y) == T else (*y, EOS)], rel=1e-5)


SEARCHES = {
    "greedy": decoding.greedy,
    "sample": functools.partial(decoding.sample, key=jax.random.key(0)),
    "beam_search": decoding.beam_search,
}


def likeliest(logits):
    """A step that gives every row the same logits."""

    def one(params, cache, token):
        return cache, jnp.tile(jnp.asarray(logits, jnp.float32), (len(token), 1))

    return one


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_padding_is_never_chosen(search):
    """Though its logit is the largest by far; the scores stay those of the model."""
    logits = [50.0, -9.0, -999.0, 3.0, -9.0]
    result = search(likeliest(logits), {}, {"x": jnp.zeros(2)}, **OPTIONS)
    best = result.tokens.reshape(2, -1, T)[:, 0]
    assert best.tolist() == [[3] * T] * 2
    assert result.lengths.reshape(2, -1)[:, 0].tolist() == [T, T]
    if search is not decoding.beam_search:
        assert result.scores[0] == pytest.approx(-47.0 * T, rel=1e-5)


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_an_end_token_inside_a_prompt_ends_nothing(search):
    """[3 EOS 4] is read whole, also as the last token of a prompt; then the model goes on to its own end."""
    prompt = jnp.array([[3, EOS, 4], [3, EOS, PAD]])
    ends_at_once = likeliest([-50.0, -50.0, 9.0, -50.0, -50.0])
    result = search(ends_at_once, {}, {"x": jnp.zeros(2)}, prompt=prompt, bos=BOS, eos=EOS, max_length=5)
    assert result.tokens.reshape(2, -1, 5)[:, 0].tolist() == [[3, EOS, 4, PAD, PAD], [3, EOS, PAD, PAD, PAD]]
    assert result.lengths.reshape(2, -1)[:, 0].tolist() == [3, 2]


def test_draws_follow_the_distribution(params):
    """One step, 4,000 rows: frequencies within four standard errors of softmax(logits / temperature) of the top two."""
    n, logits = 4000, jnp.array([-9.0, -9.0, 1.0, 2.0, 1.5])

    def one(params, cache, token):
        return cache, jnp.broadcast_to(logits, (n, V))

    result = decoding.sample(
        one, {}, {"x": jnp.zeros(n)}, bos=BOS, eos=9, max_length=1, temperature=0.7, top_k=2, key=jax.random.key(0)
    )
    found = np.bincount(np.asarray(result.tokens[:, 0]), minlength=V) / n
    expected = np.array([0, 0, 0, np.exp(2 / 0.7), np.exp(1.5 / 0.7)])
    expected /= expected.sum()
    assert (np.abs(found - expected) <= 4 * np.sqrt(expected * (1 - expected) / n)).all()
    np.testing.assert_allclose(result.scores[0], jax.nn.log_softmax(logits)[result.tokens[0, 0]], rtol=1e-6)


def test_cold_sampling_is_greedy_and_keys_decide(params):
    draw = jax.jit(
        lambda key, temperature: (
            decoding.sample(decode_step, params, start(), temperature=temperature, key=key, **OPTIONS).tokens
        )
    )
    np.testing.assert_array_equal(draw(jax.random.key(0), 1e-3), greedy(params, start()).tokens)
    draws = [draw(jax.random.key(i), 2.0).tolist() for i in (0, 0, 1, 2)]
    assert draws[0] == draws[1]
    assert len({str(d) for d in draws}) > 1


@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.9, 1.0])
def test_the_nucleus_is_the_smallest_set_that_reaches_p(top_p):
    logits = jax.random.normal(jax.random.key(0), (20, 6))
    kept = np.asarray(decoding.filter_logits(logits, top_p=top_p)) > -1e20
    p = np.asarray(jax.nn.softmax(logits))
    for row, mask in zip(p, kept, strict=True):
        sets = [
            s for k in range(1, 7) for s in itertools.combinations(range(6), k) if row[list(s)].sum() >= top_p - 1e-6
        ]
        best = min(sets, key=lambda s: (len(s), -row[list(s)].sum()))
        assert set(np.flatnonzero(mask)) == set(best)


def test_mistakes_are_named(params):
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        decoding.filter_logits(jnp.zeros(3), temperature=0)
    with pytest.raises(ValueError, match="top_k must be at least 1"):
        decoding.filter_logits(jnp.zeros(3), top_k=0)
    with pytest.raises(ValueError, match="beam must be at least 1"):
        decoding.beam_search(decode_step, params, start(), beam=0, **OPTIONS)
    with pytest.raises(ValueError, match=r"sizes \[3, 4\]"):
        decoding.greedy(decode_step, params, start() | {"h": jnp.zeros((4, 6))}, **OPTIONS)
    with pytest.raises(ValueError, match=r"prompt \(3, 5\) must be \[3, P\]"):
        decoding.greedy(decode_step, params, start(), prompt=jnp.ones((3, 5), int), **OPTIONS)
