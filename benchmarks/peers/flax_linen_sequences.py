"""The workloads on sequences as flax.linen modules: `RNN` over `OptimizedLSTMCell` or `GRUCell`, a Transformer of
`MultiHeadDotProductAttention`, and greedy decoding with its cache (`decode=True`).

That cache keeps keys and values of the tokens written; those of the source flax computes anew for every token.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from benchmarks.peers import flax_weights
from benchmarks.workloads.case import Case
from benchmarks.workloads.ours_sequences import decoding_trainer
from benchmarks.workloads.sequence_cases import positions
from benchmarks.workloads.trainer import Trainer
from jaxdl.data.text import BOS
from jaxdl.interop.flax_form import FLAX
from jaxdl.tree import named_leaves

CELLS = ("lstm", "gru")


class Seq2Seq(nn.Module):
    """The encoder's last carry is where the decoder starts."""

    cell: str
    n_tokens: int
    n_embedding: int
    n_hidden: int

    @nn.compact
    def __call__(self, source: jax.Array, target: jax.Array) -> jax.Array:
        cell = nn.OptimizedLSTMCell if self.cell == "lstm" else nn.GRUCell
        embed = functools.partial(nn.Embed, self.n_tokens, self.n_embedding)
        read = nn.RNN(cell(self.n_hidden, name="encoder"), return_carry=True)
        write = nn.RNN(cell(self.n_hidden, name="decoder"))
        carry, _ = read(embed(name="source")(source))
        return nn.Dense(self.n_tokens, name="output")(write(embed(name="target")(target), initial_carry=carry))


class Block(nn.Module):
    """A pre-norm layer of the encoder, or with a memory of the decoder."""

    n_heads: int
    n_hidden: int
    decode: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, memory: jax.Array | None = None, mask: jax.Array | None = None) -> jax.Array:
        norm, attention = functools.partial(nn.LayerNorm, epsilon=1e-5), nn.MultiHeadDotProductAttention
        own = attention(self.n_heads, decode=self.decode, name="self")
        x = x + own(norm(name="self_norm")(x), mask=mask)
        if memory is not None:
            x = x + attention(self.n_heads, name="cross")(norm(name="cross_norm")(x), memory)
        h = nn.relu(nn.Dense(self.n_hidden, name="hidden")(norm(name="out_norm")(x)))
        return x + nn.Dense(x.shape[-1], name="out")(h)


class Transformer(nn.Module):
    """Encoder and decoder; `write` is the decoder for one position, with a cache if the module has `decode`."""

    config: Any
    decode: bool = False

    def setup(self) -> None:
        c = self.config
        self.source, self.target = nn.Embed(c.n_source, c.d_model), nn.Embed(c.n_target, c.d_model)
        self.encoder = [Block(c.n_heads, c.d_hidden) for _ in range(c.n_encoder_layers)]
        self.decoder = [Block(c.n_heads, c.d_hidden, self.decode) for _ in range(c.n_decoder_layers)]
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(epsilon=1e-5), nn.LayerNorm(epsilon=1e-5)
        self.output = nn.Dense(c.n_target)

    def embed(self, embedding: nn.Embed, tokens: jax.Array) -> jax.Array:
        """sqrt(D) embedding + position."""
        where = jnp.asarray(positions(tokens.shape[1], self.config.d_model))
        return embedding(tokens) * math.sqrt(self.config.d_model) + where

    def encode(self, source: jax.Array) -> jax.Array:
        """The memory [B, S, D]."""
        x = self.embed(self.source, source)
        for block in self.encoder:
            x = block(x)
        return self.encoder_norm(x)

    def __call__(self, source: jax.Array, target: jax.Array) -> jax.Array:
        memory, x = self.encode(source), self.embed(self.target, target)
        mask = nn.make_causal_mask(target)
        for block in self.decoder:
            x = block(x, memory, mask)
        return self.output(self.decoder_norm(x))

    def write(self, memory: jax.Array, token: jax.Array, where: jax.Array) -> jax.Array:
        """Logits [B, V] of what follows the tokens [B] at one position, whose vector is `where` [D]."""
        x = (self.target(token) * math.sqrt(self.config.d_model) + where)[:, None]
        for block in self.decoder:
            x = block(x, memory)
        return self.output(self.decoder_norm(x))[:, 0]


def model(case: Case) -> nn.Module:
    """The module of a case."""
    config = case.config
    if case.name in CELLS:
        return Seq2Seq(case.name, config.n_source, config.d_embedding, config.n_hidden)
    return Transformer(config)


def params(case: Case) -> dict[str, Any]:
    """The case's weights under linen's names."""
    weights = case.weights()
    if case.name not in CELLS:
        return jax.tree.map(jnp.array, flax_weights.transformer(case.config, weights))
    cells = {side: _cell(weights[side]["layer_0"], case.name) for side in ("encoder", "decoder")}
    return jax.tree.map(jnp.array, flax_weights.sides(weights) | cells)


def _cell(layer: dict[str, Any], cell: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    leaves = {name: np.asarray(leaf) for name, leaf in named_leaves(layer).items()}
    for name, array in FLAX.kinds[cell].to(leaves, ()).items():
        gate, leaf = name.split(".")
        tree.setdefault(gate, {})[leaf] = array
    return tree


def build_decoder(case: Case) -> Trainer:
    """Greedy decoding: a scan over the positions, the cache in its carry."""
    reader, writer = Transformer(case.config), Transformer(case.config, decode=True)
    variables, length = {"params": params(case)}, case.shape[0]
    where = jnp.asarray(positions(length, case.config.d_model))
    sources = [jnp.array(batch["source"]) for batch in case.batches()]
    tokens = jnp.zeros((case.batch, length), jnp.int32)
    shapes = jax.eval_shape(writer.init, jax.random.key(0), tokens, tokens)["cache"]

    @jax.jit
    def write(variables: Any, source: jax.Array) -> jax.Array:
        memory = reader.apply(variables, source, method="encode")

        def body(carry: Any, position: jax.Array) -> tuple[Any, jax.Array]:
            token, cache = carry
            logits, changed = writer.apply(
                variables | {"cache": cache}, memory, token, position, method="write", mutable=["cache"]
            )
            token = logits[:, 1:].argmax(-1).astype(jnp.int32) + 1  # no PAD
            return (token, changed["cache"]), token

        empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        start = (jnp.full(case.batch, BOS, jnp.int32), empty)
        return jax.lax.scan(body, start, where)[1].T

    notes = "one program: encoder and scan; flax's cache, without keys and values of the source"
    return decoding_trainer(case, lambda i: write(variables, sources[i]), notes)
