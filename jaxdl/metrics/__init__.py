"""Metrics as (sum, count) pairs: add the pairs of batches, epochs or devices, then divide once.

A metric function takes a batch and returns such a pair; `merge` adds, `value` divides. So a mean over an epoch is exact
also when the last batch is smaller, and where= masks rows that are only padding. Metrics refuse what losses refuse:
unequal shapes, masks that are not bool, complex numbers. NaN is never right, and nothing is never perfect.

`metrics.ranking` scores ranked lists, `metrics.sample_scores` generated examples, `metrics.sequence_metrics` written
sequences, `metrics.summaries` summaries (ROUGE).
"""

from jaxdl.metrics import ranking as ranking
from jaxdl.metrics import sample_scores as sample_scores
from jaxdl.metrics import sequence_metrics as sequence_metrics
from jaxdl.metrics import summaries as summaries
from jaxdl.metrics.classification import accuracy as accuracy
from jaxdl.metrics.classification import binary_accuracy as binary_accuracy
from jaxdl.metrics.classification import confusion_matrix as confusion_matrix
from jaxdl.metrics.classification import f1 as f1
from jaxdl.metrics.classification import precision as precision
from jaxdl.metrics.classification import recall as recall
from jaxdl.metrics.classification import roc_auc as roc_auc
from jaxdl.metrics.classification import top_k_accuracy as top_k_accuracy
from jaxdl.metrics.pairs import mean as mean
from jaxdl.metrics.pairs import merge as merge
from jaxdl.metrics.pairs import merge_all as merge_all
from jaxdl.metrics.pairs import peak_signal_to_noise as peak_signal_to_noise
from jaxdl.metrics.pairs import perplexity as perplexity
from jaxdl.metrics.pairs import value as value
from jaxdl.metrics.regression import r2 as r2
from jaxdl.metrics.regression import scalars as scalars
from jaxdl.metrics.regression import squared_errors as squared_errors
