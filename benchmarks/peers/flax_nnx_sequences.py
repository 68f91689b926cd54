"""The workloads on sequences as flax.nnx modules: `RNN` over a cell, a Transformer of `MultiHeadAttention`, and greedy
decoding with its cache (`init_cache`, `decode=True`).

That cache keeps keys and values of the tokens written; those of the source flax computes anew for every token.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from benchmarks.peers import flax_weights
from benchmarks.workloads.case import Case
from benchmarks.workloads.ours_sequences import decoding_trainer
from benchmarks.workloads.sequence_cases import positions
from benchmarks.workloads.trainer import Trainer
from jaxdl.data.text import BOS


class GRUCell(nnx.GRUCell):
    """flax's cell with the candidate's second bias, which nnx leaves out and linen, torch and jaxdl have."""

    def __init__(self, n_in: int, n_hidden: int, *, rngs: nnx.Rngs) -> None:
        super().__init__(n_in, n_hidden, rngs=rngs)
        self.candidate = nnx.Param(jnp.zeros(n_hidden))

    def __call__(self, carry: jax.Array, inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        x_r, x_z, x_n = jnp.split(self.dense_i(inputs), 3, axis=-1)
        h_r, h_z, h_n = jnp.split(self.dense_h(carry), 3, axis=-1)
        r, z = nnx.sigmoid(x_r + h_r), nnx.sigmoid(x_z + h_z)
        n = nnx.tanh(x_n + r * (h_n + self.candidate[...]))
        h = (1.0 - z) * n + z * carry
        return h, h


class Seq2Seq(nnx.Module):
    """The encoder's last carry is where the decoder starts."""

    def __init__(self, config: Any, rngs: nnx.Rngs) -> None:
        e, n, cell = config.d_embedding, config.n_hidden, nnx.OptimizedLSTMCell if config.cell == "lstm" else GRUCell
        self.source, self.target = (nnx.Embed(v, e, rngs=rngs) for v in (config.n_source, config.n_target))
        self.encoder = nnx.RNN(cell(e, n, rngs=rngs), return_carry=True, rngs=rngs)
        self.decoder = nnx.RNN(cell(e, n, rngs=rngs), rngs=rngs)
        self.output = nnx.Linear(n, config.n_target, rngs=rngs)

    def __call__(self, source: jax.Array, target: jax.Array) -> jax.Array:
        carry, _ = self.encoder(self.source(source))
        outputs: Any = self.decoder(self.target(target), initial_carry=carry)
        return self.output(outputs)


class Block(nnx.Module):
    """A pre-norm layer of the encoder, or with a memory of the decoder."""

    def __init__(self, config: Any, rngs: nnx.Rngs, *, cross: bool) -> None:
        d, h, hidden = config.d_model, config.n_heads, config.d_hidden
        self.self_norm = nnx.LayerNorm(d, epsilon=1e-5, rngs=rngs)
        self.self = nnx.MultiHeadAttention(h, d, decode=False, rngs=rngs)
        if cross:
            self.cross_norm = nnx.LayerNorm(d, epsilon=1e-5, rngs=rngs)
            self.cross = nnx.MultiHeadAttention(h, d, decode=False, rngs=rngs)
        self.out_norm = nnx.LayerNorm(d, epsilon=1e-5, rngs=rngs)
        self.hidden, self.out = nnx.Linear(d, hidden, rngs=rngs), nnx.Linear(hidden, d, rngs=rngs)

    def __call__(
        self, x: jax.Array, memory: jax.Array | None = None, mask: jax.Array | None = None, *, decode: bool = False
    ) -> jax.Array:
        x = x + self.self(self.self_norm(x), mask=mask, decode=decode)
        if memory is not None:
            x = x + self.cross(self.cross_norm(x), memory)
        return x + self.out(nnx.relu(self.hidden(self.out_norm(x))))


class Transformer(nnx.Module):
    """Encoder and decoder; `write` is the decoder for one position, with the cache."""

    def __init__(self, config: Any, rngs: nnx.Rngs) -> None:
        self.d, self.sizes = config.d_model, (config.n_encoder_layers, config.n_decoder_layers)
        self.source, self.target = (nnx.Embed(v, self.d, rngs=rngs) for v in (config.n_source, config.n_target))
        for side, n_layers in zip(("encoder", "decoder"), self.sizes, strict=True):
            for i in range(n_layers):
                setattr(self, f"{side}_{i}", Block(config, rngs, cross=side == "decoder"))
        self.encoder_norm, self.decoder_norm = (nnx.LayerNorm(self.d, epsilon=1e-5, rngs=rngs) for _ in range(2))
        self.output = nnx.Linear(self.d, config.n_target, rngs=rngs)

    def blocks(self, side: str) -> list[Block]:
        """Of the encoder or the decoder, in order."""
        return [getattr(self, f"{side}_{i}") for i in range(self.sizes[side == "decoder"])]

    def embed(self, embedding: nnx.Embed, tokens: jax.Array) -> jax.Array:
        """sqrt(D) embedding + position."""
        return embedding(tokens) * math.sqrt(self.d) + jnp.asarray(positions(tokens.shape[1], self.d))

    def encode(self, source: jax.Array) -> jax.Array:
        """The memory [B, S, D]."""
        x = self.embed(self.source, source)
        for block in self.blocks("encoder"):
            x = block(x)
        return self.encoder_norm(x)

    def __call__(self, source: jax.Array, target: jax.Array) -> jax.Array:
        memory, x, mask = self.encode(source), self.embed(self.target, target), nnx.make_causal_mask(target)
        for block in self.blocks("decoder"):
            x = block(x, memory, mask)
        return self.output(self.decoder_norm(x))

    def write(self, memory: jax.Array, token: jax.Array, where: jax.Array) -> jax.Array:
        """Logits [B, V] of what follows the tokens [B] at one position, whose vector is `where` [D]."""
        x = (self.target(token) * math.sqrt(self.d) + where)[:, None]
        for block in self.blocks("decoder"):
            x = block(x, memory, decode=True)
        return self.output(self.decoder_norm(x))[:, 0]


def model(case: Case) -> tuple[nnx.Module, dict[str, Any]]:
    """The module of a case, and the case's weights under its names."""
    weights, rngs = case.weights(), nnx.Rngs(0)
    if case.name not in ("lstm", "gru"):
        return Transformer(case.config, rngs), flax_weights.transformer(case.config, weights)
    cells = {side: {"cell": _cell(weights[side]["layer_0"], case.name)} for side in ("encoder", "decoder")}
    return Seq2Seq(case.config, rngs), flax_weights.sides(weights) | cells


def _cell(layer: dict[str, Any], cell: str) -> dict[str, Any]:
    """The LSTM's bias stands beside h, the GRU's beside x."""
    x, h, bias = {"kernel": layer["x"]["w"]}, {"kernel": layer["h"]["w"]}, {"bias": layer["x"]["b"]}
    if cell == "lstm":
        return {"dense_i": x, "dense_h": h | bias}
    return {"dense_i": x | bias, "dense_h": h, "candidate": layer["candidate"]["b"]}


def build_decoder(case: Case, module: Any) -> Trainer:
    """Greedy decoding: a scan over the positions, the cache in its carry."""
    length, d = case.shape[0], case.config.d_model
    for block in module.blocks("decoder"):
        block.self.init_cache((case.batch, length, d))
    graph, cache, params = nnx.split(module, nnx.Cache, ...)
    where = jnp.asarray(positions(length, d))
    sources = [jnp.array(batch["source"]) for batch in case.batches()]

    @jax.jit
    def write(params: Any, cache: Any, source: jax.Array) -> jax.Array:
        memory = nnx.merge(graph, cache, params).encode(source)

        def body(carry: Any, position: jax.Array) -> tuple[Any, jax.Array]:
            token, cache = carry
            merged = nnx.merge(graph, cache, params)
            token = merged.write(memory, token, position)[..., 1:].argmax(-1).astype(jnp.int32) + 1  # no PAD
            return (token, nnx.state(merged, nnx.Cache)), token

        return jax.lax.scan(body, (jnp.full(case.batch, BOS, jnp.int32), cache), where)[1].T

    notes = "one program: encoder and scan; flax's cache, without keys and values of the source"
    return decoding_trainer(case, lambda i: write(params, cache, sources[i]), notes)
