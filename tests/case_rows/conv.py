"""Rows for convolutions and pooling: odd sizes, and strides that do not divide them."""

import functools

import jax
from cases import Case

from jaxdl.nn.conv import conv1d, conv2d, conv3d, conv_transpose2d
from jaxdl.nn.pool import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    global_avg_pool2d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    upsample2d,
)

ROUNDING = "sums of 18 to 100 products in another order than the reference's"
TRANSFORM = "Winograd's transforms add up to 16 terms before and after each product"


def _arguments(key, w, x, b=True):
    w_key, b_key, x_key = jax.random.split(key, 3)
    params = {"w": 0.3 * jax.random.normal(w_key, w)}
    if b:
        params["b"] = jax.random.normal(b_key, (w[-1],))
    return params, jax.random.normal(x_key, x)


def _images(key):
    return (jax.random.normal(key, (2, 5, 7, 3)),)


def _flax_conv(params, x, window, **options):
    import flax.linen

    layer = flax.linen.Conv(params["w"].shape[-1], window, use_bias="b" in params, **options)
    kernel = {"kernel": params["w"]} | ({"bias": params["b"]} if "b" in params else {})
    return layer.apply({"params": kernel}, x)


def _torch_conv2d(params, x, strides, padding=0):
    import torch

    kernel, image = params["w"].permute(3, 2, 0, 1), x.permute(0, 3, 1, 2)
    return torch.nn.functional.conv2d(image, kernel, params.get("b"), strides, padding).permute(0, 2, 3, 1)


def _flax_conv_transpose(params, x):
    import flax.linen

    layer = flax.linen.ConvTranspose(params["w"].shape[-1], (4, 3), (2, 3), "SAME")
    return layer.apply({"params": {"kernel": params["w"], "bias": params["b"]}}, x)


def _flax_pool(name, x, **options):
    import flax.linen

    return getattr(flax.linen, name)(x, **options)


def _torch_conv_transpose(params, x):
    import torch

    g, (h, w, c, o) = 2, params["w"].shape  # torch: [g C, O, k, k], turned; ours [k, k, C, g O]
    v = params["w"].flip(0, 1).reshape(h, w, c, g, o // g).permute(3, 2, 4, 0, 1).reshape(g * c, o // g, h, w)
    y = torch.nn.functional.conv_transpose2d(
        x.permute(0, 3, 1, 2), v, params["b"], stride=(2, 3), padding=(1, 2), groups=g, dilation=(2, 1)
    )
    return y.permute(0, 2, 3, 1)


def _torch_pool(name, x, window, stride):
    import torch

    return getattr(torch.nn.functional, name)(x.permute(0, 3, 1, 2), window, stride).permute(0, 2, 3, 1)


def _conv_case(name, w, x, *, tolerance=2e-6, why=ROUNDING, torch=None, bias=True, **options):
    flax_options = {"kernel_dilation" if k == "dilation" else k: v for k, v in options.items() if k != "method"}
    if "groups" in flax_options:
        flax_options["feature_group_count"] = flax_options.pop("groups")
    references = {"flax": functools.partial(_flax_conv, window=w[:2], **flax_options)}
    if torch:
        references["torch"] = functools.partial(_torch_conv2d, strides=options.get("strides", (1, 1)), **torch)
    return Case(
        name,
        functools.partial(conv2d, **options),
        functools.partial(_arguments, w=w, x=x, b=bias),
        wrt=(0, 1),
        batched=(1,),
        references=references,
        tolerance=tolerance,
        why=why,
    )


CASES = [
    _conv_case("nn.conv2d", (3, 3, 2, 3), (2, 5, 7, 2), torch={"padding": 1}),
    _conv_case("nn.conv2d/valid-strided", (3, 2, 2, 3), (2, 8, 9, 2), strides=(2, 3), padding="VALID", torch={}),
    _conv_case("nn.conv2d/dilated", (3, 2, 2, 3), (2, 6, 5, 2), dilation=(2, 1), padding=((2, 1), (0, 1)), bias=False),
    _conv_case("nn.conv2d/grouped", (3, 3, 1, 4), (2, 5, 4, 2), groups=2),
    _conv_case("nn.conv2d/pointwise-strided", (1, 1, 3, 2), (2, 5, 4, 3), strides=(2, 2), torch={}),
    _conv_case(
        "nn.conv2d/winograd", (3, 3, 2, 3), (2, 5, 7, 2), method="winograd", tolerance=5e-6, why=TRANSFORM, bias=False
    ),
    _conv_case("nn.conv2d/circular", (3, 2, 2, 3), (2, 5, 7, 2), padding="CIRCULAR", dilation=(1, 2), strides=(1, 2)),
    *(
        Case(
            f"nn.conv3d/{name}",
            functools.partial(conv3d, **options),
            functools.partial(_arguments, w=(2, 3, 2, 2 // options.get("groups", 1), 4), x=(2, 3, 4, 3, 2)),
            wrt=(0, 1),
            batched=(1,),
            references={"flax": functools.partial(_flax_conv, window=(2, 3, 2), **reference)},
            tolerance=2e-6,
            why=ROUNDING,
        )
        for name, options, reference in (
            ("plain", {}, {}),
            ("strided", {"strides": (1, 2, 1), "padding": "VALID"}, {"strides": (1, 2, 1), "padding": "VALID"}),
            ("grouped", {"groups": 2}, {"feature_group_count": 2}),
        )
    ),
    Case(
        "nn.conv_transpose2d/grouped-dilated",
        functools.partial(conv_transpose2d, strides=(2, 3), padding=((1, 1), (2, 2)), dilation=(2, 1), groups=2),
        functools.partial(_arguments, w=(3, 2, 2, 4), x=(2, 3, 4, 4)),
        wrt=(0, 1),
        batched=(1,),
        references={"torch": _torch_conv_transpose},
        tolerance=2e-6,
        why=ROUNDING,
    ),
    *(
        Case(
            f"nn.{kind}_pool{n}d",
            functools.partial(function, window=2, strides=1, padding="SAME"),
            functools.partial(lambda key, shape: (jax.random.normal(key, shape),), shape=(*(2, 3, 4, 5)[: n + 1], 2)),
            batched=(0,),
            references={
                "flax": functools.partial(
                    _flax_pool, f"{kind}_pool", window_shape=(2,) * n, strides=(1,) * n, padding="SAME"
                )
            },
        )
        for kind, n, function in (
            ("max", 1, max_pool1d),
            ("max", 3, max_pool3d),
            ("avg", 1, avg_pool1d),
            ("avg", 3, avg_pool3d),
        )
    ),
    Case(
        "nn.conv1d",
        functools.partial(conv1d, strides=2, padding="SAME"),
        functools.partial(_arguments, w=(3, 2, 3), x=(2, 7, 2)),
        wrt=(0, 1),
        batched=(1,),
        references={"flax": functools.partial(_flax_conv, window=(3,), strides=(2,))},
        tolerance=2e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.conv_transpose2d",
        functools.partial(conv_transpose2d, strides=(2, 3)),
        functools.partial(_arguments, w=(4, 3, 2, 3), x=(2, 3, 4, 2)),
        wrt=(0, 1),
        batched=(1,),
        references={"flax": _flax_conv_transpose},
        tolerance=2e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.max_pool2d",
        lambda x: max_pool2d(x, (2, 2)),
        _images,
        batched=(0,),
        references={
            "flax": functools.partial(_flax_pool, "max_pool", window_shape=(2, 2), strides=(2, 2)),
            "torch": functools.partial(_torch_pool, "max_pool2d", window=(2, 2), stride=(2, 2)),
        },
    ),
    Case(
        "nn.max_pool2d/overlapping",
        lambda x: max_pool2d(x, (3, 2), strides=(2, 1), padding="SAME"),
        _images,
        batched=(0,),
        references={
            "flax": functools.partial(_flax_pool, "max_pool", window_shape=(3, 2), strides=(2, 1), padding="SAME")
        },
    ),
    Case(
        "nn.avg_pool2d",
        lambda x: avg_pool2d(x, (3, 2), strides=(1, 2)),
        _images,
        batched=(0,),
        references={
            "flax": functools.partial(_flax_pool, "avg_pool", window_shape=(3, 2), strides=(1, 2)),
            "torch": functools.partial(_torch_pool, "avg_pool2d", window=(3, 2), stride=(1, 2)),
        },
    ),
    Case(
        "nn.global_avg_pool2d",
        global_avg_pool2d,
        _images,
        batched=(0,),
        references={"numpy": lambda x: x.mean((1, 2))},
    ),
    Case(
        "nn.upsample2d",
        lambda x: upsample2d(x, (2, 3)),
        _images,
        batched=(0,),
        references={"numpy": lambda x: x.repeat(2, 1).repeat(3, 2)},
    ),
]
