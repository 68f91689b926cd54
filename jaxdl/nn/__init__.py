"""Layers: pairs of plain functions, `init_dense(key, n_in, n_out) -> params` and `dense(params, x) -> y`."""

from jaxdl.nn import activations as activations
from jaxdl.nn import initializers as initializers
from jaxdl.nn.dense import dense as dense
from jaxdl.nn.dense import flatten as flatten
from jaxdl.nn.dense import init_dense as init_dense
from jaxdl.nn.dropout import dropout as dropout
from jaxdl.nn.stack import init_stack as init_stack
from jaxdl.nn.stack import stack as stack
