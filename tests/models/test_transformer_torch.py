"""The Transformer equals torch's with copied weights, in float32 and float64."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_tasks import drawn

from jaxdl.models import transformer
from jaxdl.tree import named_leaves

CONFIG = transformer.Config(9, 9, 8, 2, 2, 2, 12, dropout=0.0)
SOURCE = jnp.array([[5, 3, 8, 1, 2], [4, 4, 7, 0, 0], [6, 0, 0, 0, 0]])
TARGET = jnp.array([[1, 3, 5, 2], [1, 8, 8, 4], [1, 2, 0, 0]])

apply = functools.partial(jax.jit, static_argnums=3)(transformer.apply)


def torch_logits(params, config):
    """The same network of torch's layers, with our embeddings and positions in front."""
    torch = pytest.importorskip("torch")
    dtype = torch.float64 if params["target"]["table"].dtype == np.float64 else torch.float32
    tensor = lambda x: torch.from_numpy(np.array(x))  # noqa: E731
    options = {"dim_feedforward": 12, "dropout": 0.0, "batch_first": True, "norm_first": config.norm == "pre"}

    def state(layers, i):
        names = {"self": "self_attn", "cross": "multihead_attn", "hidden": "linear1", "out": "linear2"}
        norms = ["self_norm", "cross_norm", "out_norm"] if "cross" in layers else ["self_norm", "out_norm"]
        names |= {name: f"norm{n + 1}" for n, name in enumerate(norms)}
        out = {}
        for path, leaf in named_leaves(layers).items():
            first, rest = path.split("/", 1)
            rest = {"qkv/w": "in_proj_weight", "out/w": "out_proj.weight", "out/b": "out_proj.bias"}.get(rest, rest)
            if rest == "q/b":  # torch keeps a bias for the keys as well, which changes nothing
                value = layers[first]["v"]["b"][i]
                out[f"{names[first]}.in_proj_bias"] = tensor(np.concatenate([leaf[i], 0.3 + 0 * leaf[i], value]))
            elif rest != "v/b":
                rest = {"w": "weight", "b": "bias", "scale": "weight"}.get(rest, rest)
                out[f"{names[first]}.{rest}"] = tensor(leaf[i].T)
        return out

    def network(side, make, whole):
        return whole(
            make(8, 2, dtype=dtype, **options), 2, torch.nn.LayerNorm(8, dtype=dtype) if config.norm == "pre" else None
        )

    def copy_weights(module, side):
        for i, layer in enumerate(module.layers):
            layer.load_state_dict(state(params[side]["layers"], i))
        if config.norm == "pre":
            norm = params[side]["norm"]
            module.norm.load_state_dict({"weight": tensor(norm["scale"]), "bias": tensor(norm["bias"])})

    def embed(side, tokens):
        rates = 10_000.0 ** (-np.arange(0, 8, 2) / 8)
        angles = np.arange(tokens.shape[1])[:, None] * rates
        where = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(-1, 8)
        return tensor(np.array(params[side]["table"])[np.array(tokens)] * math.sqrt(8) + where).to(dtype)

    padding = tensor(SOURCE == 0)
    encoder = network("encoder", torch.nn.TransformerEncoderLayer, torch.nn.TransformerEncoder)
    encoder.enable_nested_tensor = False
    decoder = network("decoder", torch.nn.TransformerDecoderLayer, torch.nn.TransformerDecoder)
    model = torch.nn.Transformer(8, 2, custom_encoder=encoder, custom_decoder=decoder, batch_first=True, dtype=dtype)
    copy_weights(encoder, "encoder")
    copy_weights(decoder, "decoder")
    causal = torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)
    with torch.no_grad():
        y = model.eval()(
            embed("source", SOURCE),
            embed("target", TARGET),
            tgt_mask=causal,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return (y @ tensor(params["target"]["table"]).T).numpy()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_equals_torch_with_copied_weights(norm, key):
    pytest.importorskip("torch")
    config = dataclasses.replace(CONFIG, norm=norm)
    params = drawn(transformer.init, key, config)
    np.testing.assert_allclose(
        apply(params, SOURCE, TARGET, config), torch_logits(params, config), rtol=1e-5, atol=1e-5
    )
    with jax.enable_x64(True):
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)
        ours = apply(params, SOURCE, TARGET, config)
        np.testing.assert_allclose(ours, torch_logits(params, config), rtol=1e-10, atol=1e-10)
