"""Floating-point operations of the workloads by hand: matrix products and convolutions, a multiply-add counted as 2.

A model's function lists the forward pass of one example layer by layer; `step` and `game_step` make a training step of
it.

>>> from jaxdl.models import mlp as model
>>> mlp(model.Config(4, 2, (3,))), step([24, 12], batch=10)
([24, 12], 840)
"""

import itertools
import math
from collections.abc import Sequence

from jaxdl.models import autoencoder as autoencoder_model
from jaxdl.models import cnn as cnn_model
from jaxdl.models import gan as gan_model
from jaxdl.models import mlp as mlp_model
from jaxdl.models import resnet as resnet_model
from jaxdl.models import seq2seq as seq2seq_model
from jaxdl.models import transformer as transformer_model


def step(forward: Sequence[int], batch: int) -> int:
    """Of a training step.

    The backward pass of a layer costs its forward pass twice, for the weights' and the input's gradient; the first
    layer needs no input gradient (an embedding's is its table's; it multiplies nothing, and stands there with 0).
    """
    return batch * (3 * sum(forward) - forward[0])


def game_step(config: gan_model.Config, batch: int) -> int:
    """Of both players' updates: G(z) once, D on real and on generated examples, the judgment of G(z).

    The judgment needs D's forward pass and its input gradients, the first layer's among them.
    """
    ours, theirs = generator(config), discriminator(config)
    return step(ours, batch) + 2 * step(theirs, batch) + batch * 2 * sum(theirs)


def mlp(config: mlp_model.Config) -> list[int]:
    """Of each dense layer."""
    return _dense((config.n_in, *config.widths, config.n_out))


def autoencoder(config: autoencoder_model.Config) -> list[int]:
    """Of each dense layer of the encoder and the decoder."""
    half = (math.prod(config.shape), *config.widths, config.n_code)
    return _dense(half) + _dense(half[::-1])


def cnn(config: cnn_model.Config) -> list[int]:
    """Of each convolution, and of the dense layer after them."""
    flops, side, n_in = [], config.size[0], config.n_in
    for n_out in config.channels:
        side -= config.window - 1
        flops.append(_conv(side, config.window, n_in, n_out))
        side, n_in = side // 2, n_out
    return [*flops, 2 * side * side * n_in * config.n_out]


def resnet(config: resnet_model.Config, side: int) -> list[int]:
    """Of each convolution for images of height and width `side`, and of the dense layer after them."""
    n_in = config.channels[0]
    flops = [_conv(side, 3, config.n_in, n_in)]
    for stage, n_out in enumerate(config.channels):
        for i in range(config.blocks):
            side //= 2 if stage and i == 0 else 1
            flops += [_conv(side, 3, n_in, n_out), _conv(side, 3, n_out, n_out)]
            if n_in != n_out:
                flops.append(_conv(side, 1, n_in, n_out))
            n_in = n_out
    return [*flops, 2 * n_in * config.n_out]


def generator(config: gan_model.Config) -> list[int]:
    """Of the dense layer and each transposed convolution, of which every input pixel meets the whole window."""
    side, sizes = config.size[0] // 2 ** len(config.generator), (*config.generator, config.size[2])
    flops = [2 * config.n_latent * side * side * sizes[0]]
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        flops.append(_conv(side * 2**i, gan_model.WINDOW[0], n_in, n_out))
    return flops


def discriminator(config: gan_model.Config) -> list[int]:
    """Of each convolution, and of the dense layer after them."""
    side, sizes, flops = config.size[0], (config.size[2], *config.discriminator), []
    for n_in, n_out in itertools.pairwise(sizes):
        side //= 2
        flops.append(_conv(side, gan_model.WINDOW[0], n_in, n_out))
    return [*flops, 2 * side * side * sizes[-1]]


def seq2seq(config: seq2seq_model.Config, length: int) -> list[int]:
    """Of the embeddings, the encoder, the decoder and the output layer, without attention, for `length` tokens each."""
    n, gates = config.n_hidden, {"rnn": 1, "lstm": 4, "gru": 3}[config.cell]
    cell = 2 * (config.d_embedding + n) * gates * n
    return [0, length * cell, length * cell, length * 2 * n * config.n_target]


def transformer(config: transformer_model.Config, length: int) -> list[int]:
    """Of the embeddings, each block of the encoder and the decoder, and the output layer, for `length` tokens each.

    Scores that a causal mask hides count too; a decoder alone has no attention to a memory.
    """
    d, hidden = config.d_model, 2 * 2 * config.d_model * config.d_hidden
    attention, attentions = 4 * 2 * d * d + 2 * 2 * length * d, 2 if config.n_encoder_layers else 1
    encoder, decoder = length * (attention + hidden), length * (attentions * attention + hidden)
    blocks = [encoder] * config.n_encoder_layers + [decoder] * config.n_decoder_layers
    return [0, *blocks, length * 2 * d * config.n_target]


def _conv(side: int, window: int, n_in: int, n_out: int) -> int:
    return 2 * side * side * window * window * n_in * n_out


def _dense(sizes: Sequence[int]) -> list[int]:
    return [2 * n_in * n_out for n_in, n_out in itertools.pairwise(sizes)]
