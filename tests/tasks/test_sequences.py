"""Sequence tasks: what counts in the loss, and that the scores are those of the text that the model writes."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import data, metrics
from jaxdl.applications import translation
from jaxdl.data import text
from jaxdl.data.pairs import texts
from jaxdl.data.strings import draw_strings
from jaxdl.data.text import BOS, EOS, PAD
from jaxdl.metrics.sequence_metrics import exact_match
from jaxdl.models import mlp, seq2seq, transformer
from jaxdl.tasks import sequences, text_to_text
from jaxdl.training import evaluate, fit

LETTERS = text.character_tokenizer(["ab"])
MODEL = seq2seq.Config(n_source=6, n_target=6, d_embedding=8, n_hidden=16, cell="gru")
SYSTEM = text_to_text.translator(MODEL, LETTERS, LETTERS, 5, 5)


def part(n: int, seed: int) -> data.Arrays:
    drawn = draw_strings(n, reverse=True, lengths=(1, 4), alphabet="ab", seed=seed)
    return texts((x, (y,)) for x, y in zip(drawn["x"], drawn["y"], strict=True))


def measure(outputs, references):
    return {"exact": exact_match(outputs, references)}


def task_of(config: sequences.Config, n: int = 64):
    parts = data.Splits(part(n, 0), part(70, 1), part(70, 2))
    return translation.task(SYSTEM, config, parts, measure=measure, headline="exact", monitor=("exact_match", "max"))


@functools.cache
def trained():
    """A model that is right about some strings and wrong about others."""
    config = sequences.Config(epochs=25, batch_size=16, learning_rate=1e-2)
    task = task_of(config)
    return task, fit(task, epochs=config.epochs, batch_size=16, steps_per_call=4)


def test_it_learns_to_reverse():
    _, result = trained()
    history = result.history.history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["accuracy"][-1] > 0.8


def test_exact_match_without_decoding_is_that_of_greedy_decoding():
    task, result = trained()
    ours = metrics.scalars(evaluate(task.evaluate, result.state, task.data.test))["exact_match"]
    assert task.scores is not None
    decoded = task.scores(result.state, task.data)["exact"]
    assert 0.1 < decoded < 1.0
    assert ours == pytest.approx(decoded, abs=1e-6)


def test_a_beam_is_no_less_likely_than_greedy():
    """Of the same system, by the log-probability that the model gives to what each wrote."""
    _, result = trained()
    sources = ["abba", "aab", "b", "babb"]

    def log_p(outputs: list[str]) -> np.ndarray:
        arrays = jax.tree.map(jnp.asarray, text_to_text.encode_pairs(SYSTEM, sources, outputs))
        logits = seq2seq.apply(result.state.params, arrays["source"], arrays["target"][:, :-1], MODEL)
        each = jnp.take_along_axis(jax.nn.log_softmax(logits), arrays["target"][:, 1:, None], axis=2)[..., 0]
        return np.asarray(jnp.where(arrays["target"][:, 1:] != PAD, each, 0.0).sum(1))

    greedy = translation.translate(SYSTEM, result.state.params, sources)
    beam = translation.translate(SYSTEM, result.state.params, sources, beam=16)
    lengths = [(5 + len(output) + 1) / 6 for output in greedy], [(5 + len(output) + 1) / 6 for output in beam]
    assert (log_p(beam) / np.power(lengths[1], 0.6) >= log_p(greedy) / np.power(lengths[0], 0.6) - 1e-4).all()


def test_texts_of_all_lengths_come_back_in_order():
    _, result = trained()
    sources = part(70, 2)["x"].tolist()
    at_once = translation.translate(SYSTEM, result.state.params, sources, batch_size=16)
    one_by_one = [translation.translate(SYSTEM, result.state.params, [source])[0] for source in sources[:6]]
    assert at_once[:6] == one_by_one
    assert translation.translate(SYSTEM, result.state.params, []) == []
    assert len(translation.translate(SYSTEM, result.state.params, ["", "ab" * 50])) == 2  # nothing, and far too long


def test_attention_rows_sum_to_one_over_the_source():
    _, result = trained()
    weights, written, read = translation.attention(SYSTEM, result.state.params, "abba")
    assert weights.shape == (1, 1, len(written), len(read))
    assert read == ["a", "b", "b", "a", "⟩"]
    assert "".join(written).rstrip("⟩") == translation.translate(SYSTEM, result.state.params, ["abba"])[0]
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)


def test_the_run_keeps_its_translator_and_draws_its_attention():
    task, result = trained()
    assert text_to_text.from_json(task.files[text_to_text.FILE], MODEL) == SYSTEM
    figure = task.pictures["attention"](result.state, task.data)
    assert len(figure.axes) == 3
    without = SYSTEM._replace(config=dataclasses.replace(MODEL, attention="none"))
    assert translation.attention_pictures(without, ["a"]) == {}


# ---------------------------------------------------------------- the loss


def logits_and_batch(key, rows: int = 3):
    target = jnp.array([[BOS, 4, 5, EOS, PAD], [BOS, 5, EOS, PAD, PAD], [BOS, 4, 4, 4, EOS]])[:rows]
    return jax.random.normal(key, (rows, 4, 6)), {"target": target, "mask": jnp.ones(rows, bool)}


def test_padding_counts_nowhere(key):
    logits, batch = logits_and_batch(key)
    ours = metrics.scalars(sequences.sequence_scores(logits, batch))
    longer = jnp.pad(logits, [(0, 0), (0, 2), (0, 0)], constant_values=7.0)
    wider = {"target": jnp.pad(batch["target"], [(0, 0), (0, 2)]), "mask": batch["mask"]}
    more = {name: jnp.concatenate([values, values[:1]]) for name, values in wider.items()}
    more["mask"] = more["mask"].at[3].set(False)
    padded = metrics.scalars(sequences.sequence_scores(jnp.concatenate([longer, longer[:1]]), more))
    assert padded == pytest.approx(ours, rel=1e-6)


def test_the_loss_is_the_mean_over_tokens(key):
    logits, batch = logits_and_batch(key)
    log_p = np.asarray(jax.nn.log_softmax(logits))
    by_hand = [log_p[i, t, y] for i, row in enumerate(batch["target"].tolist()) for t, y in enumerate(row[1:]) if y]
    total, n = sequences.sequence_scores(logits, batch)["loss"]
    assert int(n) == len(by_hand) == 9
    assert float(total) == pytest.approx(-sum(by_hand), rel=1e-6)


def test_exact_match_needs_every_token(key):
    _, batch = logits_and_batch(key)
    right = 9 * jax.nn.one_hot(batch["target"][:, 1:], 6)
    wrong = right.at[2, 3].set(0.0)
    assert metrics.scalars(sequences.sequence_scores(right, batch))["exact_match"] == 1.0
    scores = metrics.scalars(sequences.sequence_scores(wrong, batch))
    assert scores["exact_match"] == pytest.approx(2 / 3)
    assert scores["accuracy"] == pytest.approx(8 / 9)


def test_label_smoothing_reaches_the_training_loss(key):
    logits, batch = logits_and_batch(key)
    plain, smooth = (sequences.sequence_scores(logits, batch, rate)["loss"][0] for rate in (0.0, 0.3))
    log_p = jax.nn.log_softmax(logits)
    where = (batch["target"][:, 1:] != PAD)[..., None]
    uniform = -jnp.where(where, log_p, 0.0).sum() / 6
    assert float(smooth) == pytest.approx(float(0.7 * plain + 0.3 * uniform), rel=1e-5)


# ---------------------------------------------------------------- batches of like length


def test_a_step_in_the_smallest_shape_is_the_step_in_the_whole_one(key):
    drawn = draw_strings(48, reverse=True, lengths=(1, 20), alphabet="ab", seed=0)
    system = text_to_text.translator(MODEL, LETTERS, LETTERS, 40, 24)
    arrays = sequences.examples(system, texts((x, (y,)) for x, y in zip(drawn["x"], drawn["y"], strict=True)))
    shapes = sequences.batch_shapes(arrays)
    assert shapes == ((8, 8), (16, 16), (40, 24))
    groups = np.asarray(sequences.fitting_shape(arrays, shapes))
    lengths = np.char.str_len(drawn["x"].astype(str)) + 1
    np.testing.assert_array_equal(groups, np.select([lengths <= 8, lengths <= 16], [0, 1], 2))

    def shape_of(state, batch):
        return state + batch["source"].shape[1] + batch["target"].shape[1], {}

    def loss(state, batch):
        logits = seq2seq.apply(state, batch["source"], batch["target"][:, :-1], MODEL)
        return state, sequences.sequence_scores(logits, batch)

    params = seq2seq.init(key, MODEL)
    sized, scored = (jax.jit(sequences.in_shapes(step, shapes)) for step in (shape_of, loss))
    for group, (s, t) in enumerate(shapes):
        rows = [*np.flatnonzero(groups <= group)[:3], np.flatnonzero(groups == group)[0]]
        batch = {name: jnp.asarray(values[rows]) for name, values in arrays.items()} | {"mask": jnp.ones(4, bool)}
        assert int(sized(jnp.int32(0), batch)[0]) == s + t + 1
        ours, whole = metrics.scalars(scored(params, batch)[1]), metrics.scalars(loss(params, batch)[1])
        assert ours == pytest.approx(whole, rel=1e-5)


def test_padding_of_one_shape_needs_no_groups():
    assert task_of(sequences.Config(batch_size=16)).groups is None


# ---------------------------------------------------------------- examples and mistakes


def test_every_reference_is_an_example_to_train_on():
    pair = texts([("ab", ("ba", "bb")), ("a", ("a",))])
    assert len(sequences.examples(SYSTEM, pair)["source"]) == 2
    arrays = sequences.examples(SYSTEM, pair, every=True)
    assert arrays["source"].tolist() == [[4, 5, EOS, 0, 0], [4, 5, EOS, 0, 0], [4, EOS, 0, 0, 0]]
    assert arrays["target"][:2].tolist() == [[BOS, 5, 4, EOS, 0, 0], [BOS, 5, 5, EOS, 0, 0]]


def test_long_sources_are_cut_and_long_targets_left_out():
    arrays = text_to_text.encode_pairs(SYSTEM, ["abababab", "a", "b"], ["a", "abab", "ababa"])
    assert arrays["source"].tolist() == [[4, 5, 4, 5, EOS], [4, EOS, 0, 0, 0]]
    assert arrays["target"].tolist() == [[BOS, 4, EOS, 0, 0, 0], [BOS, 4, 5, 4, 5, EOS]]
    with pytest.raises(ValueError, match="none of 1 targets fits into 5 tokens"):
        sequences.examples(SYSTEM, texts([("a", ("ababa",))]))


def test_mistakes_are_named_before_anything_is_compiled():
    with pytest.raises(ValueError, match=r"n_source is 5, but the vocabulary has 6 tokens: give model.n_source 6"):
        text_to_text.translator(dataclasses.replace(MODEL, n_source=5), LETTERS, LETTERS, 5, 5)
    with pytest.raises(ValueError, match="no sequence model's Config"):
        text_to_text.translator(mlp.Config(n_in=2, n_out=2), LETTERS, LETTERS, 5, 5)
    with pytest.raises(ValueError, match="not a stored t"):
        text_to_text.from_json('{"source": {}}', MODEL)
    with pytest.raises(ValueError, match="between 1 and the number of examples 8, got 9"):
        task_of(sequences.Config(batch_size=9), n=8)
    with pytest.raises(ValueError, match="beam must be positive"):
        sequences.Config(beam=0)
    with pytest.raises(ValueError, match="give warmup_epochs, at least 1"):
        sequences.Config(schedule="inverse-sqrt")
    model = transformer.Config(6, 6, d_model=8, n_heads=2, n_encoder_layers=1, n_decoder_layers=1, d_hidden=8)
    system, one = text_to_text.translator(model, LETTERS, LETTERS, 5, 5), part(8, 0)
    options = sequences.Config(batch_size=4, sampling_rate=0.5)
    with pytest.raises(ValueError, match="sampling_rate is for recurrent models"):
        translation.task(system, options, data.Splits(one, one, one), measure=measure, headline="exact")


def test_a_transformer_fits_in_as_well():
    model = transformer.Config(6, 6, d_model=8, n_heads=2, n_encoder_layers=1, n_decoder_layers=2, d_hidden=8)
    system = text_to_text.translator(model, LETTERS, LETTERS, 5, 5)
    params = jax.jit(lambda key: transformer.init(key, model))(jax.random.key(0))
    weights, written, read = translation.attention(system, params, "ab")
    assert weights.shape == (2, 2, len(written), len(read))


def test_scheduled_sampling_rises_from_teacher_forcing():
    plain, sampled = (task_of(sequences.Config(epochs=2, batch_size=64, sampling_rate=rate)) for rate in (0.0, 0.9))
    start, other = plain.init(jax.random.key(0)), sampled.init(jax.random.key(0))
    batch = {name: jnp.asarray(values[:64]) for name, values in plain.data.train.items()} | {"mask": jnp.ones(64, bool)}
    losses = []
    for _ in range(2):
        start, forced = jax.jit(plain.step)(start, batch)
        other, drawn = jax.jit(sampled.step)(other, batch)
        losses.append([float(metrics.value(scores["loss"])) for scores in (forced, drawn)])
    assert losses[0][0] == pytest.approx(losses[0][1], rel=1e-6)  # the first step's rate is 0
    assert losses[1][0] != pytest.approx(losses[1][1], rel=1e-4)
    assert int(other.step) == 2
    assert jnp.isfinite(jnp.asarray(losses)).all()
