"""An encoder that hands on one vector must fit the whole sentence into it, however long; attention looks again.

    without    h_0 = m_S                                        all that the decoder ever knows of the source
    with       c_t = sum_s a[t, s] m_s,   sum_s a[t, s] = 1     at every step what it needs, from where it stands

The task is to copy: nothing is to be understood, all is to be remembered. Sequences of 2 to 12 symbols out of ten, so
the longest says 12 log2(10) = 40 bits, which 32 units must hold exactly.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.artifacts import pictures
from jaxdl.claims._drawing import intervals
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.claims._sequences import EOS, PAD, train_on, without_end, written
from jaxdl.models import seq2seq
from jaxdl.types import Array, Key

STATEMENT = (
    "One context vector is a bottleneck: accuracy falls with the length of the sentence; with attention it holds."
)
SOURCE = "Cho and others, 2014; Bahdanau, Cho, Bengio, 2015, figure 2"
RULE = (
    "Copying sequences of up to 12 symbols, the model with one context vector gets surely at least 50 points fewer of "
    "the longest ones exactly right than of the shortest; with attention surely less than 10 points fewer."
)
SEEDS, SECONDS = 5, 45

SYMBOLS, LENGTHS, HIDDEN = 10, (2, 4, 6, 8, 10, 12), 32
BATCH, RATE = 64, 1e-2


def run(key: Key, budget: Budget) -> Result:
    """Train both models to copy, then count what they copy exactly, by length."""
    steps = 400 if budget.small else 600
    keys = jax.random.split(key, budget.seeds)
    exact = {}
    for name, config in models().items():
        budget.stage(name)
        exact[name] = jax.jit(jax.vmap(lambda k, c=config: copied(k, c, steps)))(keys)  # [seeds, LENGTHS]
    lost = {name: shares[:, 0] - shares[:, -1] for name, shares in exact.items()}
    return Result(
        figures=tuple(
            measured(f"copied exactly, {name}: {n} symbols", 100 * shares[:, i], "%")
            for name, shares in exact.items()
            for i, n in enumerate(LENGTHS)
        ),
        checks={
            "one vector loses the long ones": surely_above(lost["one context vector"], 0.5),
            "attention keeps them": surely_above(-lost["attention"], -0.1),
        },
        drawn=exact,
    )


def models() -> dict[str, seq2seq.Config]:
    """The same sizes without and with attention (which reads the source in both directions)."""
    without = seq2seq.Config(EOS + 1 + SYMBOLS, EOS + 1 + SYMBOLS, 16, HIDDEN, cell="gru", attention="none")
    return {
        "one context vector": without,
        "attention": dataclasses.replace(without, attention="additive", bidirectional=True),
    }


def sequences(key: Key, lengths: Array) -> tuple[Array, Array]:
    """Random symbols of the given lengths [B], padded, and the same with an end token: [B, S], [B, S + 1]."""
    longest = max(LENGTHS)
    symbols = jax.random.randint(key, (len(lengths), longest + 1), EOS + 1, EOS + 1 + SYMBOLS)
    position = jnp.arange(longest + 1)[None]
    source = jnp.where(position < lengths[:, None], symbols, PAD)
    return source[:, :-1], jnp.where(position == lengths[:, None], EOS, source)


def copied(key: Key, config: seq2seq.Config, steps: int) -> Array:
    """The shares of new sequences that a trained model copies without an error, by length: [LENGTHS]."""
    init_key, length_key, symbol_key, test_key = jax.random.split(key, 4)
    lengths = jax.random.randint(length_key, (steps, BATCH), min(LENGTHS), max(LENGTHS) + 1)
    batches = jax.vmap(sequences)(jax.random.split(symbol_key, steps), lengths)
    params = train_on(init_key, batches, config, RATE)

    def share(length: Array) -> Array:
        source, target = sequences(jax.random.fold_in(test_key, length), jnp.full(200, length))
        said = written(params, source, config, target.shape[1])
        return (said == without_end(target)).all(1).mean()

    return jax.lax.map(share, jnp.array(LENGTHS))


def picture(result: Result) -> Any:
    """The share of sequences that are copied exactly, by length."""
    figure, (ax,) = pictures.subplots(1, 1, width=5.4, height=3.4)
    for (name, shares), style in zip(result.drawn.items(), ("--s", "-o"), strict=True):
        intervals(ax, LENGTHS, 100 * shares.T, style, name)
    ax.set_xticks(LENGTHS)
    ax.set_ylim(-4, 104)
    ax.set_xlabel("length of the sequence (symbols)")
    ax.set_ylabel("copied exactly (%)")
    ax.grid(alpha=0.25)
    ax.legend(frameon=False, loc="center right")
    return figure
