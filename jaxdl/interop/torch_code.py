"""The Python code of the PyTorch module that takes `to_torch`'s arrays.

Linear models, MLPs and CNNs are an `nn.Sequential`, images [B, C, H, W]. Recurrent networks are `nn.LSTM`, `nn.GRU` or
`nn.RNN`, Transformers `nn.TransformerEncoder` and `nn.TransformerDecoder`, batch first. Nothing is dropped out.
"""

import itertools
from typing import Any

from jaxdl.interop import networks
from jaxdl.models import cnn, linear, mlp, rnn, transformer

_ACTIVATIONS = {
    "identity": "Identity()",
    "sigmoid": "Sigmoid()",
    "tanh": "Tanh()",
    "relu": "ReLU()",
    "leaky_relu": "LeakyReLU(0.01)",
    "elu": "ELU()",
    "gelu": "GELU()",
    "gelu_tanh": 'GELU(approximate="tanh")',
    "silu": "SiLU()",
    "softplus": "Softplus()",
    "softsign": "Softsign()",
}

_RNN = '''from torch import nn


class Network(nn.Module):
    """Sequences [B, T, {n_in}] to {outputs}."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.{cell}({n_in}, {n_hidden}, num_layers={n_layers}, batch_first=True)
        self.output = nn.Linear({n_hidden}, {n_out})

    def forward(self, x):
        y = self.output(self.recurrent(x)[0][:, -1])
        return {returned}


model = Network().eval()
'''

_TRANSFORMER = '''import torch
from torch import nn


class Network(nn.Module):
    """{about}."""

    def __init__(self):
        super().__init__()
        options = {{"dropout": 0.0, "activation": nn.{activation}.forward, "batch_first": True, "norm_first": {pre}}}
{layers}

    def embed(self, table, tokens):
        """sqrt(D) embedding + position."""
        x = table(tokens) * {d_model}**0.5
        t = torch.arange(tokens.shape[1], device=tokens.device)
{positions}

    def forward(self, {inputs}):
{body}


model = Network().eval()
'''


def torch_module(config: Any) -> str:
    """A Python file that defines `model`, the module without its weights: `model.load_state_dict` takes `to_torch`'s.

    Raises: ValueError for a network that has no form in PyTorch.

    >>> print(torch_module(linear.Config(n_in=2, n_out=1)).splitlines()[8])
                ("layer_0", nn.Linear(2, 1)),
    """
    model = networks.model_of(config)
    if model is rnn:
        return _rnn(config)
    if model is transformer:
        return _transformer(config)
    lines = "\n".join(f'            ("{name}", nn.{code}),' for name, code in _sequence(config))
    return (
        "from collections import OrderedDict\n\nfrom torch import nn\n\n"
        f"model = nn.Sequential(\n    OrderedDict(\n        [\n{lines}\n        ]\n    )\n).eval()\n"
    )


def _sequence(config: Any) -> list[tuple[str, str]]:
    """Names and code of the layers of a linear model, an MLP or a CNN."""
    if isinstance(config, linear.Config):
        one = [("value", "Flatten(0)")] if config.n_out == 1 else []  # [B, 1] -> [B]
        return [("flatten", "Flatten()"), ("layer_0", f"Linear({config.n_in}, {config.n_out})"), *one]
    if isinstance(config, mlp.Config):
        return [("flatten", "Flatten()"), *_dense(config, "layer", (config.n_in, *config.widths, config.n_out))]
    h, w = cnn.map_size(config)
    flat = h * w * (config.n_in, *config.channels)[-1]
    return [
        *_blocks(config),
        ("flatten", "Flatten()"),
        *_dense(config, "dense", (flat, *config.widths, config.n_out)),
    ]


def _dense(config: Any, name: str, sizes: tuple[int, ...]) -> list[tuple[str, str]]:
    layers = []
    last = len(sizes) - 2
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        layers.append((f"{name}_{i}", f"Linear({n_in}, {n_out})"))
        if i < last:
            layers.append((f"{name}_{i}_activation", _activation(config)))
    return layers


def _blocks(config: cnn.Config) -> list[tuple[str, str]]:
    layers: list[tuple[str, str]] = [("border", f"ZeroPad2d({config.border})")] if config.border else []
    normalized = config.normalization == "batch"
    same, odd, rest = config.padding == "SAME", config.window % 2 == 1, config.window - 1
    padding = ', padding="same"' if same and odd else ""
    uneven = f"ZeroPad2d(({rest // 2}, {rest - rest // 2}, {rest // 2}, {rest - rest // 2}))"
    sizes = (config.n_in, *config.channels)
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        bias = ", bias=False" if normalized else ""
        if same and not odd:  # a pixel more on the right and below
            layers.append((f"pad_{i}", uneven))
        layers.append((f"conv_{i}", f"Conv2d({n_in}, {n_out}, {config.window}{padding}{bias})"))
        if normalized:
            layers.append((f"norm_{i}", f"BatchNorm2d({n_out})"))
        layers.append((f"conv_{i}_activation", _activation(config)))
        layers.append((f"pool_{i}", "MaxPool2d(2)" if config.pool == "max" else "AvgPool2d(2)"))
    return layers


def _activation(config: Any) -> str:
    if config.activation not in _ACTIVATIONS:
        raise ValueError(f"there is no PyTorch form of the activation {config.activation!r}")
    return _ACTIVATIONS[config.activation]


def _rnn(config: rnn.Config) -> str:
    one = config.n_out == 1
    returned = "(y + x[:, -1, :1])[:, 0]" if config.residual else "y[:, 0]" if one else "y"
    sizes = {name: getattr(config, name) for name in ("n_in", "n_out", "n_hidden", "n_layers")}
    outputs = "[B]" if one else f"[B, {config.n_out}]"
    return _RNN.format(cell=config.cell.upper(), outputs=outputs, returned=returned, **sizes)


def _transformer(config: transformer.Config) -> str:
    """The activation is a function: torch 2.13's decoder forgets a module, and computes ReLU, when it is copied."""
    both = config.n_encoder_layers > 0 and config.n_decoder_layers > 0
    if both:
        about, inputs = "Tokens [B, S] and [B, T] to logits [B, T, V]", "source, target"
    elif config.n_decoder_layers:
        about, inputs = "Tokens [B, T] to logits [B, T, V] of what follows each", "target"
    else:
        about, inputs = f"Tokens [B, S] to states [B, S, {config.d_model}]", "source"
    return _TRANSFORMER.format(
        about=about,
        activation=_activation(config),
        pre=config.norm == "pre",
        d_model=config.d_model,
        layers=_indented(_members(config)),
        positions=_indented(_positions(config)),
        inputs=inputs,
        body=_indented(_forward(config)),
    )


def _indented(lines: list[str]) -> str:
    return "\n".join(f"        {line}" for line in lines)


def _members(config: transformer.Config) -> list[str]:
    d = config.d_model
    params, _ = networks.empty(config)
    lines = [f"self.{name} = nn.Embedding({n}, {d})" for name, n in networks.embeddings(params).items()]
    norm = f", nn.LayerNorm({d})" if config.norm == "pre" else ""
    for side, n_layers in (("encoder", config.n_encoder_layers), ("decoder", config.n_decoder_layers)):
        kind = "Decoder" if side == "decoder" and config.n_encoder_layers else "Encoder"
        nested = ", enable_nested_tensor=False" if kind == "Encoder" else ""
        if n_layers:
            layer = f"nn.Transformer{kind}Layer({d}, {config.n_heads}, {config.d_hidden}, **options)"
            lines += [f"layer = {layer}", f"self.{side} = nn.Transformer{kind}(layer, {n_layers}{norm}{nested})"]
    return lines + ([f"self.output = nn.Linear({d}, {config.n_target})"] if "output" in params else [])


def _positions(config: transformer.Config) -> list[str]:
    if config.positions == "learned":
        return [f"return x + self.positions(t) * {config.d_model}**0.5"]
    return [
        f"rates = 10_000.0 ** (-torch.arange(0, {config.d_model}, 2, device=t.device).to(x.dtype) / {config.d_model})",
        "angles = t[:, None].to(x.dtype) * rates",
        "return x + torch.stack([angles.sin(), angles.cos()], dim=-1).reshape(tokens.shape[1], -1)",
    ]


def _forward(config: transformer.Config) -> list[str]:
    padding = "None" if config.pad is None else f"source == {config.pad}"
    causal = "causal = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool, device=target.device).triu(1)"
    table = "target" if config.tied == "all" else "source"
    read = [
        f"padding = {padding}",
        f"memory = self.encoder(self.embed(self.{table}, source), src_key_padding_mask=padding)",
    ]
    embedded = "self.embed(self.target, target)"
    if not config.n_decoder_layers:
        return [*read, "return memory"]
    if config.n_encoder_layers:
        lines = [*read, causal]
        lines += [f"y = self.decoder({embedded}, memory, tgt_mask=causal, memory_key_padding_mask=padding)"]
    else:
        lines = [causal, f"y = self.decoder({embedded}, mask=causal)"]
    tied = "y @ self.target.weight.T"
    return [*lines, "return self.output(y)" if config.tied == "none" else f"return {tied}"]
