"""Layers: pairs of plain functions, `init_dense(key, n_in, n_out) -> params` and `dense(params, x) -> y`.

Every mask here is bool and True where something counts: a key that may be read, a step of a sequence, an entry of a
statistic. What a mask hides never matters, in value or gradient, even if it is NaN. `method=` chooses between forms of
equal value; "auto" leaves the choice to the platform. `key=None` means deterministic.
"""

from jaxdl.kernels.attention import chunked_attention as chunked_attention
from jaxdl.nn import activations as activations
from jaxdl.nn import initializers as initializers
from jaxdl.nn.affine import dense as dense
from jaxdl.nn.affine import flatten as flatten
from jaxdl.nn.affine import init_dense as init_dense
from jaxdl.nn.attention import additive_attention as additive_attention
from jaxdl.nn.attention import attention_weights as attention_weights
from jaxdl.nn.attention import causal_mask as causal_mask
from jaxdl.nn.attention import dot_product_attention as dot_product_attention
from jaxdl.nn.attention import init_additive_attention as init_additive_attention
from jaxdl.nn.attention import init_multi_head_attention as init_multi_head_attention
from jaxdl.nn.attention import masked_softmax as masked_softmax
from jaxdl.nn.attention import multi_head_attention as multi_head_attention
from jaxdl.nn.blocks import init_transformer_block as init_transformer_block
from jaxdl.nn.blocks import transformer_block as transformer_block
from jaxdl.nn.caching import cached_cross_attention as cached_cross_attention
from jaxdl.nn.caching import cached_self_attention as cached_self_attention
from jaxdl.nn.caching import init_key_value_cache as init_key_value_cache
from jaxdl.nn.caching import memory_cache as memory_cache
from jaxdl.nn.conv import conv1d as conv1d
from jaxdl.nn.conv import conv2d as conv2d
from jaxdl.nn.conv import conv3d as conv3d
from jaxdl.nn.conv import conv_transpose2d as conv_transpose2d
from jaxdl.nn.conv import init_conv1d as init_conv1d
from jaxdl.nn.conv import init_conv2d as init_conv2d
from jaxdl.nn.conv import init_conv3d as init_conv3d
from jaxdl.nn.copying import init_pointer as init_pointer
from jaxdl.nn.copying import mix_copies as mix_copies
from jaxdl.nn.copying import pointer as pointer
from jaxdl.nn.depth import init_stack as init_stack
from jaxdl.nn.depth import stack as stack
from jaxdl.nn.embeddings import embedding as embedding
from jaxdl.nn.embeddings import init_embedding as init_embedding
from jaxdl.nn.embeddings import rotary as rotary
from jaxdl.nn.embeddings import sinusoidal_positions as sinusoidal_positions
from jaxdl.nn.embeddings import unembedding as unembedding
from jaxdl.nn.noise import dropout as dropout
from jaxdl.nn.noise import split_key as split_key
from jaxdl.nn.norm import batch_norm as batch_norm
from jaxdl.nn.norm import group_norm as group_norm
from jaxdl.nn.norm import init_batch_norm as init_batch_norm
from jaxdl.nn.norm import init_group_norm as init_group_norm
from jaxdl.nn.norm import init_layer_norm as init_layer_norm
from jaxdl.nn.norm import init_rms_norm as init_rms_norm
from jaxdl.nn.norm import layer_norm as layer_norm
from jaxdl.nn.norm import rms_norm as rms_norm
from jaxdl.nn.pool import avg_pool1d as avg_pool1d
from jaxdl.nn.pool import avg_pool2d as avg_pool2d
from jaxdl.nn.pool import avg_pool3d as avg_pool3d
from jaxdl.nn.pool import global_avg_pool2d as global_avg_pool2d
from jaxdl.nn.pool import max_pool1d as max_pool1d
from jaxdl.nn.pool import max_pool2d as max_pool2d
from jaxdl.nn.pool import max_pool3d as max_pool3d
from jaxdl.nn.pool import upsample2d as upsample2d
from jaxdl.nn.recurrence import bidirectional as bidirectional
from jaxdl.nn.recurrence import gru_cell as gru_cell
from jaxdl.nn.recurrence import init_gru as init_gru
from jaxdl.nn.recurrence import init_lstm as init_lstm
from jaxdl.nn.recurrence import init_rnn as init_rnn
from jaxdl.nn.recurrence import lstm_cell as lstm_cell
from jaxdl.nn.recurrence import recurrent as recurrent
from jaxdl.nn.recurrence import rnn_cell as rnn_cell
from jaxdl.nn.recurrence import zero_carry as zero_carry
from jaxdl.nn.spectral import init_spectral_norm as init_spectral_norm
from jaxdl.nn.spectral import spectral_norm as spectral_norm
