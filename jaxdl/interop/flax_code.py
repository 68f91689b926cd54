"""The Python code of the `flax.linen` module that takes `to_flax`'s variables. Nothing is dropped out."""

from typing import Any

from jaxdl.interop import networks
from jaxdl.models import cnn, linear, mlp, rnn, transformer

_ACTIVATIONS = {
    "identity": "{}",
    "gelu": "nn.gelu({}, approximate=False)",
    "gelu_tanh": "nn.gelu({}, approximate=True)",
    "softsign": "nn.soft_sign({})",
}
_PLAIN = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "silu", "softplus")
_CELLS = {"rnn": "SimpleCell", "lstm": "OptimizedLSTMCell", "gru": "GRUCell"}

_COMPACT = '''{imports}from flax import linen as nn


class Network(nn.Module):
    """{about}."""

    @nn.compact
    def __call__(self, x):
{body}


model = Network()
'''

_TRANSFORMER = '''import jax.numpy as jnp
from flax import linen as nn


class Block(nn.Module):
    """A layer of the encoder, or with a memory of the decoder."""

    @nn.compact
    def __call__(self, x, mask=None, memory=None, memory_mask=None):
        attention = nn.MultiHeadDotProductAttention

        def feed_forward(h):
            h = nn.Dense({d_hidden}, name="hidden")(h)
            return nn.Dense({d_model}, name="out")({activation})

        def sublayer(name, x, function):
            norm = nn.LayerNorm(epsilon=1e-5, name=f"{{name}}_norm")
            return {sublayer}

        x = sublayer("self", x, lambda h: attention({n_heads}, name="self")(h, mask=mask))
        if memory is not None:
            x = sublayer("cross", x, lambda h: attention({n_heads}, name="cross")(h, memory, mask=memory_mask))
        return sublayer("out", x, feed_forward)


class Network(nn.Module):
    """{about}."""

    def setup(self):
{members}

    def embed(self, table, tokens):
        """sqrt(D) embedding + position."""
        x = table(tokens) * {d_model}**0.5
        t = jnp.arange(tokens.shape[1])
{positions}

    def __call__(self, {inputs}):
{body}


model = Network()
'''


def flax_module(config: Any) -> str:
    """A Python file that defines `model`, the module: `model.apply(to_flax(config, params, state), x)`.

    Raises: ValueError for a network that has no form in flax.

    >>> print(flax_module(linear.Config(n_in=2, n_out=1)).splitlines()[8])
            x = x.reshape(x.shape[0], -1)
    """
    model = networks.model_of(config)
    if model is transformer:
        return _transformer(config)
    if model is rnn:
        about, body = f"Sequences [B, T, {config.n_in}] to outputs", _rnn(config)
    elif model is cnn:
        about, body = "Images [B, H, W, C] to logits [B, K]", _cnn(config)
    else:
        about, body = f"x [B, {config.n_in}] to outputs", _mlp(config)
    imports = "import jax.numpy as jnp\n" if any("jnp." in line for line in body) else ""
    return _COMPACT.format(imports=imports, about=about, body=_indented(body))


def _indented(lines: list[str]) -> str:
    return "\n".join(f"        {line}" for line in lines)


def _activation(config: Any, argument: str) -> str:
    name = config.activation
    if name not in _ACTIVATIONS and name not in _PLAIN:
        raise ValueError(f"there is no flax form of the activation {name!r}")
    return _ACTIVATIONS.get(name, f"nn.{name}({{}})").format(argument)


def _mlp(config: Any) -> list[str]:
    flat = "x = x.reshape(x.shape[0], -1)"
    if isinstance(config, linear.Config):
        y = f'nn.Dense({config.n_out}, name="layer_0")(x)'
        return [flat, f"return {y}[:, 0]" if config.n_out == 1 else f"return {y}"]
    return [flat, *_dense(config, "layer")]


def _dense(config: mlp.Config | cnn.Config, name: str) -> list[str]:
    layers = [f'nn.Dense({n}, name="{name}_{i}")(x)' for i, n in enumerate((*config.widths, config.n_out))]
    return [*(f"x = {_activation(config, layer)}" for layer in layers[:-1]), f"return {layers[-1]}"]


def _cnn(config: cnn.Config) -> list[str]:
    b = config.border
    lines = [f"x = jnp.pad(x, ((0, 0), ({b}, {b}), ({b}, {b}), (0, 0)))"] if b else []
    normalized = config.normalization == "batch"
    window = (config.window, config.window)
    for i, n in enumerate(config.channels):
        bias = ", use_bias=False" if normalized else ""
        lines.append(f'x = nn.Conv({n}, {window}, padding="{config.padding}"{bias}, name="conv_{i}")(x)')
        if normalized:
            lines.append(f'x = nn.BatchNorm(use_running_average=True, epsilon=1e-5, name="norm_{i}")(x)')
        lines += [f"x = {_activation(config, 'x')}", f"x = nn.{config.pool}_pool(x, (2, 2), strides=(2, 2))"]
    return [*lines, "x = x.reshape(x.shape[0], -1)", *_dense(config, "dense")]


def _rnn(config: rnn.Config) -> list[str]:
    cell = f"nn.{_CELLS[config.cell]}({config.n_hidden}"
    lines = ["h = x"] + [f'h = nn.RNN({cell}, name="layer_{i}"))(h)' for i in range(config.n_layers)]
    lines.append(f'y = nn.Dense({config.n_out}, name="output")(h[:, -1])')
    if config.residual:
        lines.append("y = y + x[:, -1, :1]")
    return [*lines, "return y[:, 0]" if config.n_out == 1 else "return y"]


def _transformer(config: transformer.Config) -> str:
    pre = config.norm == "pre"
    both = config.n_encoder_layers > 0 and config.n_decoder_layers > 0
    about, inputs = "Tokens [B, S] and [B, T] to logits [B, T, V]", "source, target"
    if not both:
        decodes = config.n_decoder_layers > 0
        about = "Tokens [B, T] to logits [B, T, V]" if decodes else f"Tokens [B, S] to states [B, S, {config.d_model}]"
        inputs = "target" if decodes else "source"
    return _TRANSFORMER.format(
        about=about,
        inputs=inputs,
        d_model=config.d_model,
        d_hidden=config.d_hidden,
        n_heads=config.n_heads,
        activation=_activation(config, "h"),
        sublayer="x + function(norm(x))" if pre else "norm(x + function(x))",
        members=_indented(_members(config)),
        positions=_indented(_positions(config)),
        body=_indented(_forward(config)),
    )


def _members(config: transformer.Config) -> list[str]:
    params, _ = networks.empty(config)
    lines = [f"self.{name} = nn.Embed({n}, {config.d_model})" for name, n in networks.embeddings(params).items()]
    for side, n_layers in (("encoder", config.n_encoder_layers), ("decoder", config.n_decoder_layers)):
        if n_layers:
            lines.append(f"self.{side} = [Block() for _ in range({n_layers})]")
        if n_layers and config.norm == "pre":
            lines.append(f"self.{side}_norm = nn.LayerNorm(epsilon=1e-5)")
    return lines + ([f"self.output = nn.Dense({config.n_target})"] if "output" in params else [])


def _positions(config: transformer.Config) -> list[str]:
    d = config.d_model
    if config.positions == "learned":
        return [f"return x + self.positions(t) * {d}**0.5"]
    return [
        f"angles = t[:, None] * 10_000.0 ** (-jnp.arange(0, {d}, 2) / {d})",
        f"where = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1).reshape(-1, {d})",
        "return x + where.astype(x.dtype)",
    ]


def _forward(config: transformer.Config) -> list[str]:
    lines = []
    if config.n_encoder_layers:
        table = "target" if config.tied == "all" else "source"
        mask = "None" if config.pad is None else f"(source != {config.pad})[:, None, None, :]"
        lines += [f"readable = {mask}", f"x = self.embed(self.{table}, source)"]
        lines += ["for block in self.encoder:", "    x = block(x, readable)"]
        lines.append("memory = self.encoder_norm(x)" if config.norm == "pre" else "memory = x")
        if not config.n_decoder_layers:
            return [*lines, "return memory"]
    arguments = "x, causal, memory, readable" if config.n_encoder_layers else "x, causal"
    lines += ["causal = nn.make_causal_mask(target)", "x = self.embed(self.target, target)"]
    lines += ["for block in self.decoder:", f"    x = block({arguments})"]
    if config.norm == "pre":
        lines.append("x = self.decoder_norm(x)")
    return [*lines, "return self.output(x)" if config.tied == "none" else "return self.target.attend(x)"]
