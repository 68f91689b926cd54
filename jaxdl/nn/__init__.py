"""Layers: pairs of plain functions, `init_dense(key, n_in, n_out) -> params` and `dense(params, x) -> y`."""

from jaxdl.nn import activations as activations
from jaxdl.nn import initializers as initializers
from jaxdl.nn.conv import conv1d as conv1d
from jaxdl.nn.conv import conv2d as conv2d
from jaxdl.nn.conv import conv_transpose2d as conv_transpose2d
from jaxdl.nn.conv import init_conv1d as init_conv1d
from jaxdl.nn.conv import init_conv2d as init_conv2d
from jaxdl.nn.dense import dense as dense
from jaxdl.nn.dense import flatten as flatten
from jaxdl.nn.dense import init_dense as init_dense
from jaxdl.nn.dropout import dropout as dropout
from jaxdl.nn.norm import batch_norm as batch_norm
from jaxdl.nn.norm import group_norm as group_norm
from jaxdl.nn.norm import init_batch_norm as init_batch_norm
from jaxdl.nn.norm import init_group_norm as init_group_norm
from jaxdl.nn.norm import init_layer_norm as init_layer_norm
from jaxdl.nn.norm import init_rms_norm as init_rms_norm
from jaxdl.nn.norm import layer_norm as layer_norm
from jaxdl.nn.norm import rms_norm as rms_norm
from jaxdl.nn.pool import avg_pool2d as avg_pool2d
from jaxdl.nn.pool import global_avg_pool2d as global_avg_pool2d
from jaxdl.nn.pool import max_pool2d as max_pool2d
from jaxdl.nn.pool import upsample2d as upsample2d
from jaxdl.nn.stack import init_stack as init_stack
from jaxdl.nn.stack import stack as stack
