"""Networks in other libraries' forms, and back: PyTorch, flax, ONNX.

    to_torch, from_torch, torch_module     a state dict, and the code of its module
    to_flax, from_flax, flax_module        a parameter tree, and the code of its module

For `jaxdl.models.linear`, `mlp`, `cnn`, `rnn` (LSTM, GRU) and `transformer`.
"""

from jaxdl.interop.flax_code import flax_module as flax_module
from jaxdl.interop.flax_form import from_flax as from_flax
from jaxdl.interop.flax_form import to_flax as to_flax
from jaxdl.interop.torch_code import torch_module as torch_module
from jaxdl.interop.torch_form import from_torch as from_torch
from jaxdl.interop.torch_form import to_torch as to_torch
