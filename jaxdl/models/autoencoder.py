"""Autoencoders: an encoder, a narrow or restrained code, and a decoder that must rebuild the input from it.

    x~ = c(x)      corrupted input       [B, *shape]
    h  = f(x~)     code                  [B, n_code]
    y  = g(h)      output                [B, *shape]; for cross-entropy the logits of the reconstruction s(y)
    J  = mean_b L(y_b, x_b) + beta Omega(h)

    L cross-entropy     sum_d softplus(y_d) - x_d y_d        for x in [0, 1]
    L squared error     sum_d (y_d - x_d)^2

One core, and its classical members:

    undercomplete   n_code < D, c = identity, Omega = 0: the bottleneck forces structure. All linear: PCA's subspace.
    sparse          Omega = sum_j KL(rho || mean_b h_bj) or mean_b sum_j |h_bj|; n_code may be larger than D.
    denoising       c masks or adds noise, the target is the clean x: copying does not help.
    stacked         `layer_configs` names the shallow ones that are trained greedily, each on the code of the one
                    below; `unroll` folds them into one deep autoencoder; `mlp_params` puts a classifier on its encoder.

Dense layers alone, or after stride-2 convolutions (`channels`); the decoder mirrors the encoder.

References: Hinton, Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006; Vincent et al.,
"Extracting and composing robust features with denoising autoencoders", 2008; Ng, "Sparse autoencoder", 2011.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import jax

from jaxdl import losses, metrics
from jaxdl.data import corrupt
from jaxdl.losses import regularizers
from jaxdl.models._inputs import require_examples, require_features
from jaxdl.nn import activations, initializers
from jaxdl.nn.affine import dense, flatten, init_dense
from jaxdl.nn.conv import conv2d, conv_transpose2d, init_conv2d
from jaxdl.types import Array, Key, Params, Shape
from jaxdl.validation import require_name, require_not_negative, require_positive, require_types

Loss = Literal["cross_entropy", "squared_error"]
Corruption = Literal["none", "masking", "gaussian", "salt_and_pepper"]
Sparsity = Literal["none", "kl", "l1"]
_WINDOW, _STRIDES = (4, 4), (2, 2)  # a window that the stride divides covers every pixel equally often: no checkerboard


@dataclasses.dataclass(frozen=True)
class Config:
    """Encoder, decoder and objective.

    Attributes:
        shape: of one example: (D,), or (H, W, C).
        n_code: units of the code.
        widths: units of the encoder's dense layers below the code; the decoder has them in reverse.
        channels: output channels of the encoder's stride-2 convolutions; () for none.
        activation: of the hidden layers, a name in `nn.activations.DERIVATIVES`.
        code_activation: of the code.
        initializer: of the weights, a name in `nn.initializers.BY_NAME`.
        loss: L; the cross-entropy wants x in [0, 1].
        corruption: c, while training.
        corruption_level: the rate of masking or salt and pepper, the standard deviation of Gaussian noise.
        sparsity: Omega; "kl" wants sigmoid codes.
        sparsity_rate: beta.
        rho: the mean activation that "kl" wants.
    """

    shape: tuple[int, ...]
    n_code: int
    widths: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    activation: str = "relu"
    code_activation: str = "identity"
    initializer: str = "glorot_uniform"
    loss: Loss = "cross_entropy"
    corruption: Corruption = "none"
    corruption_level: float = 0.0
    sparsity: Sparsity = "none"
    sparsity_rate: float = 0.0
    rho: float = 0.05

    def __post_init__(self) -> None:
        require_types("autoencoder", self)
        who = "autoencoder"
        require_positive(who, shape=self.shape, n_code=self.n_code, widths=self.widths, channels=self.channels)
        require_name(who, "activation", self.activation, activations.DERIVATIVES)
        require_name(who, "code_activation", self.code_activation, activations.DERIVATIVES)
        require_name(who, "initializer", self.initializer, initializers.BY_NAME)
        require_not_negative(who, corruption_level=self.corruption_level, sparsity_rate=self.sparsity_rate)
        if self.corruption != "gaussian" and self.corruption_level > 1:
            raise ValueError(f"{who}: corruption_level is a probability, got {self.corruption_level}")
        if self.sparsity == "kl" and (self.code_activation != "sigmoid" or not 0 < self.rho < 1):
            got = f"got {self.code_activation!r} and {self.rho}"
            raise ValueError(f'{who}: sparsity "kl" wants code_activation "sigmoid" and rho in (0, 1), {got}')
        _map_shape(self)


def _map_shape(config: Config) -> Shape:
    """Shape of what the dense layers flatten: the last feature maps, or the example itself."""
    if not config.channels:
        return config.shape
    step = 2 ** len(config.channels)
    if len(config.shape) != 3 or config.shape[0] % step or config.shape[1] % step:
        raise ValueError(
            f"autoencoder: {len(config.channels)} stride-2 convolutions halve (H, W, C) images whose sides are "
            f"multiples of {step}, got shape {config.shape}"
        )
    return config.shape[0] // step, config.shape[1] // step, config.channels[-1]


def init(key: Key, config: Config) -> Params:
    """{"encoder": {"conv_0": {"w", "b"}, ..., "layer_0": ...}, "decoder": {"layer_0": ..., "conv_0": ...}}.

    >>> params = init(jax.random.key(0), Config(shape=(8, 8, 1), n_code=3, widths=(16,)))
    >>> {part: [layer["w"].shape for layer in layers.values()] for part, layers in params.items()}
    {'encoder': [(64, 16), (16, 3)], 'decoder': [(3, 16), (16, 64)]}
    """
    draw = initializers.BY_NAME[config.initializer]
    sizes = (math.prod(_map_shape(config)), *config.widths, config.n_code)
    maps = (config.shape[-1], *config.channels)

    def half(key: Key, sizes: Sequence[int], maps: Sequence[int]) -> Params:
        dense_key, conv_key = jax.random.split(key)
        params = {}
        for i, k in enumerate(jax.random.split(conv_key, len(maps) - 1)):
            params[f"conv_{i}"] = init_conv2d(k, maps[i], maps[i + 1], _WINDOW, initializer=draw)
        for i, k in enumerate(jax.random.split(dense_key, len(sizes) - 1)):
            params[f"layer_{i}"] = init_dense(k, sizes[i], sizes[i + 1], initializer=draw)
        return params

    encoder_key, decoder_key = jax.random.split(key)
    return {"encoder": half(encoder_key, sizes, maps), "decoder": half(decoder_key, sizes[::-1], maps[::-1])}


def encode(params: Params, x: Array, config: Config) -> Array:
    """h = f(x): the code [B, n_code] of x [B, *shape], as it is (nothing is corrupted).

    >>> import jax.numpy as jnp
    >>> config = Config(shape=(8, 8, 1), n_code=3, channels=(2, 4))
    >>> encode(init(jax.random.key(0), config), jnp.ones((5, 8, 8, 1)), config).shape
    (5, 3)
    """
    require_examples("autoencoder", x, config.shape)
    act, layers = activations.BY_NAME[config.activation], params["encoder"]
    h = x
    for i in range(len(config.channels)):
        h = act(conv2d(layers[f"conv_{i}"], h, strides=_STRIDES))  # [B, H/2, W/2, channels[i]]
    h = flatten(h)
    for i in range(len(config.widths)):
        h = act(dense(layers[f"layer_{i}"], h))  # [B, widths[i]]
    code = dense(layers[f"layer_{len(config.widths)}"], h)  # [B, n_code]
    return activations.BY_NAME[config.code_activation](code)


def decode(params: Params, code: Array, config: Config) -> Array:
    """y = g(h): outputs [B, *shape] of codes [B, n_code]; `reconstruction` puts them into the units of x."""
    require_features("autoencoder: the code", code, config.n_code)
    act, layers = activations.BY_NAME[config.activation], params["decoder"]
    h = code
    for i in range(len(config.widths)):
        h = act(dense(layers[f"layer_{i}"], h))
    h = dense(layers[f"layer_{len(config.widths)}"], h)
    h = h.reshape(h.shape[0], *_map_shape(config))
    for i in range(len(config.channels)):
        h = conv_transpose2d(layers[f"conv_{i}"], act(h), strides=_STRIDES)  # [B, 2 H, 2 W, ...]
    return h


def apply(params: Params, x: Array, config: Config, *, key: Key | None = None) -> Array:
    """y = g(f(c(x))) [B, *shape]; the input is corrupted only when a key is given.

    >>> import jax.numpy as jnp
    >>> config = Config(shape=(6,), n_code=2)
    >>> apply(init(jax.random.key(0), config), jnp.ones((5, 6)), config).shape
    (5, 6)
    """
    return decode(params, encode(params, corrupted(x, config, key=key), config), config)


def reconstruction(y: Array, config: Config) -> Array:
    """Outputs [B, *shape] of `decode` or `apply` in the units of x: s(y) for the cross-entropy, else y itself."""
    return activations.sigmoid(y) if config.loss == "cross_entropy" else y


def corrupted(x: Array, config: Config, *, key: Key | None) -> Array:
    """c(x) for training; x itself without a key or a corruption."""
    if key is None or config.corruption == "none":
        return x
    return corrupt.BY_NAME[config.corruption](x, config.corruption_level, key=key)


class Parts(NamedTuple):
    """What the objective is made of.

    Attributes:
        code: h, [B, n_code].
        reconstruction: in the units of x, [B, *shape].
        error: L of each example, [B].
    """

    code: Array
    reconstruction: Array
    error: Array


def objective(
    params: Params, x: Array, config: Config, *, key: Key | None = None, where: Array | None = None
) -> tuple[Array, Parts]:
    """J = mean_b L(g(f(c(x_b))), x_b) + beta Omega(f(c(x))): what every member minimizes, and its parts.

    Args:
        x: [B, *shape], floating; in [0, 1] for the cross-entropy.
        key: of the corruption; None corrupts nothing.
        where: [B] bool, the rows that count.
    Raises: ValueError for an `x` of another shape.

    >>> import jax.numpy as jnp
    >>> config = Config(shape=(6,), n_code=2, loss="squared_error")
    >>> value, parts = objective(init(jax.random.key(0), config), jnp.zeros((5, 6)), config)
    >>> value.item(), parts.error.shape
    (0.0, (5,))
    """
    code = encode(params, corrupted(x, config, key=key), config)
    y = decode(params, code, config)
    if config.loss == "cross_entropy":
        error = flatten(losses.binary_cross_entropy(y, x)).sum(1)
    else:
        error = flatten((y - x) ** 2).sum(1)
    value = metrics.value(metrics.mean(error, where=where))
    if config.sparsity == "kl":
        value = value + config.sparsity_rate * regularizers.kl_sparsity(code, config.rho, where=where)
    elif config.sparsity == "l1":
        value = value + config.sparsity_rate * regularizers.l1_sparsity(code, where=where)
    return value, Parts(code, reconstruction(y, config), error)


def layer_configs(config: Config) -> tuple[Config, ...]:
    """The shallow autoencoders of greedy layer-wise pre-training: layer l rebuilds the code of layer l - 1.

    Each has the deep one's corruption and penalty. Codes between 0 and 1 (sigmoid) keep its loss, others are squared.

    Raises: ValueError for convolutions, or a code whose activation is not that of the hidden layers.
    Reference: Bengio, Lamblin, Popovici, Larochelle, "Greedy layer-wise training of deep networks", 2007.

    >>> deep = Config(shape=(8, 8, 1), n_code=3, widths=(16,), code_activation="relu")
    >>> [(layer.shape, layer.n_code, layer.loss) for layer in layer_configs(deep)]
    [((8, 8, 1), 16, 'cross_entropy'), ((16,), 3, 'squared_error')]
    """
    if config.channels or config.activation != config.code_activation:
        raise ValueError(
            "autoencoder: greedy pre-training stacks dense layers with one activation, got "
            f"channels {config.channels}, activation {config.activation!r} and {config.code_activation!r} for the code"
        )
    first = dataclasses.replace(config, widths=(), n_code=(*config.widths, config.n_code)[0])
    loss = config.loss if config.activation == "sigmoid" else "squared_error"
    sizes = (*config.widths, config.n_code)
    upper = [dataclasses.replace(first, shape=(m,), n_code=n, loss=loss) for m, n in itertools.pairwise(sizes)]
    return first, *upper


def unroll(layers: Sequence[Params]) -> Params:
    """The deep autoencoder's parameters from those of its shallow ones, bottom first: f_L(...f_1(x)), g_1(...g_L(h)).

    >>> deep = Config(shape=(6,), n_code=2, widths=(4,), code_activation="relu")
    >>> shallow = [init(jax.random.key(0), layer) for layer in layer_configs(deep)]
    >>> {name: layer["w"].shape for name, layer in unroll(shallow)["decoder"].items()}
    {'layer_0': (2, 4), 'layer_1': (4, 6)}
    """
    encoder = {f"layer_{i}": layer["encoder"]["layer_0"] for i, layer in enumerate(layers)}
    decoder = {f"layer_{i}": layer["decoder"]["layer_0"] for i, layer in enumerate(reversed(layers))}
    return {"encoder": encoder, "decoder": decoder}


def mlp_params(params: Params, top: Params) -> Params:
    """Parameters of the MLP (`models.mlp`) whose hidden layers are a dense encoder's and whose last layer is `top`.

    >>> params = init(jax.random.key(0), Config(shape=(6,), n_code=2, widths=(4,)))
    >>> list(mlp_params(params, init_dense(jax.random.key(1), 2, 3)))
    ['layer_0', 'layer_1', 'layer_2']
    """
    return {**params["encoder"], f"layer_{len(params['encoder'])}": top}


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters: convolutional and dense layers both ways, noise, the KL penalty."""
    params_key, x_key, noise_key = jax.random.split(key, 3)
    config = Config(shape=(4, 4, 1), n_code=3, widths=(5,), channels=(2,), activation="gelu", code_activation="sigmoid")
    config = dataclasses.replace(config, corruption="gaussian", corruption_level=0.2, sparsity="kl", sparsity_rate=2.0)
    x = jax.random.uniform(x_key, (6, *config.shape))

    def loss(params: Params) -> Array:
        dtype = params["encoder"]["layer_0"]["w"].dtype
        return objective(params, x.astype(dtype), config, key=noise_key)[0]

    return loss, init(params_key, config)
