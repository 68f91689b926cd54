"""Similarity: of vectors, and of texts by the weights of their terms (`similarity.term_weights`)."""

from jaxdl.similarity.neighbors import centered_cosine_matrix as centered_cosine_matrix
from jaxdl.similarity.neighbors import cosine_matrix as cosine_matrix
from jaxdl.similarity.neighbors import jaccard_matrix as jaccard_matrix
from jaxdl.similarity.neighbors import top_k as top_k
from jaxdl.similarity.vectors import as_floats as as_floats
from jaxdl.similarity.vectors import center as center
from jaxdl.similarity.vectors import centered_cosine as centered_cosine
from jaxdl.similarity.vectors import cosine as cosine
from jaxdl.similarity.vectors import float_dtype as float_dtype
from jaxdl.similarity.vectors import is_sparse as is_sparse
from jaxdl.similarity.vectors import jaccard as jaccard
from jaxdl.similarity.vectors import unit as unit
