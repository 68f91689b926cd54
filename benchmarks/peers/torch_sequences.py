"""The workloads on sequences as PyTorch modules: `nn.LSTM` and `nn.GRU`; a Transformer with one product for queries,
keys and values and `scaled_dot_product_attention` (faster here than `nn.Transformer`); greedy decoding with and
without a cache.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.workloads.case import Case
from benchmarks.workloads.ours_sequences import decoding_trainer
from benchmarks.workloads.sequence_cases import positions
from benchmarks.workloads.trainer import Trainer
from jaxdl.data.text import BOS


class Seq2Seq(nn.Module):
    """The encoder's last state is where the decoder starts."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        e, n, layer = config.d_embedding, config.n_hidden, nn.LSTM if config.cell == "lstm" else nn.GRU
        self.source, self.target = nn.Embedding(config.n_source, e), nn.Embedding(config.n_target, e)
        self.encoder, self.decoder = layer(e, n, batch_first=True), layer(e, n, batch_first=True)
        self.output = nn.Linear(n, config.n_target)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        _, state = self.encoder(self.source(source))
        return self.output(self.decoder(self.target(target), state)[0])


class Attention(nn.Module):
    """Multi-head attention to itself by one product, or to a memory by two."""

    def __init__(self, d: int, n_heads: int, *, cross: bool) -> None:
        super().__init__()
        self.n_heads, self.cross = n_heads, cross
        if cross:
            self.q, self.kv = nn.Linear(d, d), nn.Linear(d, 2 * d)
        else:
            self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)

    def heads(self, x: torch.Tensor, parts: int) -> tuple[torch.Tensor, ...]:
        """[B, T, parts D] -> as many of [B, H, T, K]."""
        return tuple(y.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for y in x.chunk(parts, -1))

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, causal: bool = False) -> torch.Tensor:
        """[B, T, D] of queries, keys and values in heads."""
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out(y.transpose(1, 2).flatten(2))

    def forward(self, x: torch.Tensor, memory: torch.Tensor | None = None, *, causal: bool = False) -> torch.Tensor:
        if memory is None:
            return self.attend(*self.heads(self.qkv(x), 3), causal=causal)
        return self.attend(*self.heads(self.q(x), 1), *self.heads(self.kv(memory), 2))


class Block(nn.Module):
    """A pre-norm layer of the encoder or the decoder, which reads no later tokens."""

    def __init__(self, config: Any, *, cross: bool, causal: bool) -> None:
        super().__init__()
        d, self.causal = config.d_model, causal
        self.self_norm, self.self_ = nn.LayerNorm(d), Attention(d, config.n_heads, cross=False)
        if cross:
            self.cross_norm, self.cross = nn.LayerNorm(d), Attention(d, config.n_heads, cross=True)
        self.out_norm = nn.LayerNorm(d)
        self.hidden, self.out = nn.Linear(d, config.d_hidden), nn.Linear(config.d_hidden, d)

    def feed_forward(self, x: torch.Tensor) -> torch.Tensor:
        """The last sublayer with its residual."""
        return x + self.out(F.relu(self.hidden(self.out_norm(x))))

    def forward(self, x: torch.Tensor, memory: torch.Tensor | None = None) -> torch.Tensor:
        x = x + self.self_(self.self_norm(x), causal=self.causal)
        if memory is not None:
            x = x + self.cross(self.cross_norm(x), memory)
        return self.feed_forward(x)


class Transformer(nn.Module):
    """Encoder and decoder, or a decoder alone; embeddings tied as the configuration says."""

    def __init__(self, config: Any, length: int) -> None:
        super().__init__()
        d, cross = config.d_model, config.n_encoder_layers > 0
        self.d, self.target = d, nn.Embedding(config.n_target, d)
        self.decoder = nn.ModuleList(Block(config, cross=cross, causal=True) for _ in range(config.n_decoder_layers))
        self.decoder_norm = nn.LayerNorm(d)
        if cross:
            blocks = (Block(config, cross=False, causal=False) for _ in range(config.n_encoder_layers))
            self.encoder, self.encoder_norm = nn.ModuleList(blocks), nn.LayerNorm(d)
            self.source = self.target if config.tied == "all" else nn.Embedding(config.n_source, d)
        self.output = nn.Linear(d, config.n_target, bias=config.tied == "none")
        if config.tied != "none":
            self.output.weight = self.target.weight
        self.register_buffer("positions", torch.tensor(positions(length, d)))

    def embed(self, embedding: nn.Embedding, tokens: torch.Tensor, start: int = 0) -> torch.Tensor:
        """sqrt(D) embedding + position, from position `start` on."""
        where: Any = self.positions
        return embedding(tokens) * math.sqrt(self.d) + where[start : start + tokens.shape[1]]

    def encode(self, source: torch.Tensor) -> torch.Tensor:
        """The memory [B, S, D]."""
        x = self.embed(self.source, source)
        for block in self.encoder:
            x = block(x)
        return self.encoder_norm(x)

    def decode(self, memory: torch.Tensor | None, target: torch.Tensor) -> torch.Tensor:
        """The decoder's states [B, T, D]."""
        x = self.embed(self.target, target)
        for block in self.decoder:
            x = block(x, memory)
        return self.decoder_norm(x)

    def forward(self, source: torch.Tensor | None, target: torch.Tensor) -> torch.Tensor:
        return self.output(self.decode(None if source is None else self.encode(source), target))


def model(case: Case) -> nn.Module:
    """The module of a case, with the case's weights."""
    if case.name in ("lstm", "gru"):
        module: Any = Seq2Seq(case.config)
        _load_seq2seq(module, case.weights())
        return module
    module = Transformer(case.config, case.shape[0])
    _load_transformer(module, case.weights())
    return module


def _copy(target: torch.Tensor, values: np.ndarray) -> None:
    if tuple(target.shape) != values.shape:
        raise ValueError(f"torch: a parameter has shape {tuple(target.shape)}, jaxdl's has {values.shape}")
    with torch.no_grad():
        target.copy_(torch.tensor(np.ascontiguousarray(values)))


def _load_linear(layer: Any, w: np.ndarray, b: np.ndarray) -> None:
    _copy(layer.weight, w.T)
    _copy(layer.bias, b)


def _load_ends(module: Any, weights: dict[str, Any]) -> None:
    """The embeddings and the output layer, but what is tied to another."""
    for side in ("source", "target"):
        if side in weights:
            _copy(getattr(module, side).weight, weights[side]["table"])
    if "output" in weights:
        _load_linear(module.output, weights["output"]["w"], weights["output"]["b"])


def _load_seq2seq(module: Any, weights: dict[str, Any]) -> None:
    """torch has two biases. What the second one only doubles stays zero: Adam would move the sum twice as far."""
    _load_ends(module, weights)
    for side in ("encoder", "decoder"):
        layer, ours = getattr(module, side), weights[side]["layer_0"]
        _copy(layer.weight_ih_l0, ours["x"]["w"].T)
        _copy(layer.weight_hh_l0, ours["h"]["w"].T)
        _copy(layer.bias_ih_l0, ours["x"]["b"])
        nn.init.zeros_(layer.bias_hh_l0)
        if "candidate" not in ours:
            layer.bias_hh_l0.requires_grad_(False)
            continue
        own = torch.cat([torch.zeros(2 * layer.hidden_size), torch.ones(layer.hidden_size)])
        layer.bias_hh_l0.register_hook(lambda grad, own=own: grad * own)


def _load_transformer(module: Any, weights: dict[str, Any]) -> None:
    _load_ends(module, weights)
    for side in (side for side in ("encoder", "decoder") if side in weights):
        _load_norm(getattr(module, f"{side}_norm"), weights[side]["norm"])
        for i, block in enumerate(getattr(module, side)):
            for name, part in weights[side]["layers"].items():
                target = getattr(block, "self_" if name == "self" else name)
                leaves = {k: {n: leaf[i] for n, leaf in v.items()} for k, v in part.items() if isinstance(v, dict)}
                if leaves:
                    _load_attention(target, leaves)
                elif "scale" in part:
                    _load_norm(target, {n: leaf[i] for n, leaf in part.items()})
                else:
                    _load_linear(target, part["w"][i], part["b"][i])


def _load_norm(norm: Any, part: dict[str, np.ndarray]) -> None:
    _copy(norm.weight, part["scale"])
    _copy(norm.bias, part["bias"])


def _load_attention(attention: Any, part: dict[str, Any]) -> None:
    """Keys get a bias of zeros, which adds the same to all scores of a query: no output sees what becomes of it."""
    w, b = part["qkv"]["w"], np.concatenate([part["q"]["b"], np.zeros_like(part["q"]["b"]), part["v"]["b"]])
    d = len(w)
    if attention.cross:
        _load_linear(attention.q, w[:, :d], b[:d])
        _load_linear(attention.kv, w[:, d:], b[d:])
    else:
        _load_linear(attention.qkv, w, b)
    _load_linear(attention.out, part["out"]["w"], part["out"]["b"])


def build_decoder(case: Case, *, cached: bool) -> Trainer:
    """Greedy decoding, eager, in inference mode."""
    module: Any = model(case).eval()
    sources = [torch.tensor(batch["source"], dtype=torch.int64) for batch in case.batches()]
    write: Callable[..., torch.Tensor] = _write_cached if cached else _write_uncached

    def tokens(i: int) -> torch.Tensor:
        with torch.inference_mode():
            return write(module, sources[i], case.shape[0])

    notes = "inference mode" + ("" if cached else ", all tokens so far decoded again at every step")
    return decoding_trainer(case, tokens, f"{notes}, {torch.get_num_threads()} threads, denormals flushed")


def _write_uncached(module: Any, source: torch.Tensor, length: int) -> torch.Tensor:
    memory, tokens = module.encode(source), torch.full((len(source), 1), BOS)
    for _ in range(length):
        last = module.decode(memory, tokens)[:, -1]
        tokens = torch.cat([tokens, module.output(last)[:, 1:].argmax(-1, keepdim=True) + 1], 1)
    return tokens[:, 1:]


def _write_cached(module: Any, source: torch.Tensor, length: int) -> torch.Tensor:
    """Keys and values of the source are computed once, those of the tokens lie in arrays of full length."""
    memory, token, written = module.encode(source), torch.full((len(source), 1), BOS), []
    others = [block.cross.heads(block.cross.kv(memory), 2) for block in module.decoder]
    n_heads = module.decoder[0].cross.n_heads
    own = torch.zeros(len(module.decoder), 2, len(source), n_heads, length, module.d // n_heads)
    for t in range(length):
        x = module.embed(module.target, token, t)
        for i, block in enumerate(module.decoder):
            q, own[i, 0, :, :, t : t + 1], own[i, 1, :, :, t : t + 1] = block.self_.heads(
                block.self_.qkv(block.self_norm(x)), 3
            )
            x = x + block.self_.attend(q, *own[i, :, :, :, : t + 1])
            x = x + block.cross.attend(*block.cross.heads(block.cross.q(block.cross_norm(x)), 1), *others[i])
            x = block.feed_forward(x)
        token = module.output(module.decoder_norm(x)[:, -1])[:, 1:].argmax(-1, keepdim=True) + 1  # no PAD
        written.append(token)
    return torch.cat(written, 1)
