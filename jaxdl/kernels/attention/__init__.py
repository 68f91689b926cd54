"""Fast forms of `nn.dot_product_attention`: chunks in memory linear in the lengths, cuDNN's kernel; their choice."""

from jaxdl.kernels.attention.chunked import chunked_attention as chunked_attention
from jaxdl.kernels.attention.fused import METHODS as METHODS
from jaxdl.kernels.attention.fused import choose_method as choose_method
from jaxdl.kernels.attention.fused import fused_attention as fused_attention
