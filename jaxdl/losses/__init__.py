"""Losses: how far the predictions are from the targets.

The cross-entropies, hinge and Kullback-Leibler return one value per example (shape = batch axes), Huber one per
element; those with "mean" in their name return a scalar. `where=` (bool, the shape of the result before any mean)
leaves elements out: they add nothing to value, gradient or count. Shapes must match exactly: (B,) against (B, 1)
raises instead of broadcasting. Sums run in at least float32; results have the dtype of the predictions.

`losses.minimax` and `losses.wasserstein` are the games of a GAN, `losses.regularizers` are penalties on parameters.
"""

from jaxdl.losses import minimax as minimax
from jaxdl.losses import regularizers as regularizers
from jaxdl.losses import wasserstein as wasserstein
from jaxdl.losses.cross_entropy import binary_cross_entropy as binary_cross_entropy
from jaxdl.losses.cross_entropy import categorical_cross_entropy as categorical_cross_entropy
from jaxdl.losses.cross_entropy import smooth_labels as smooth_labels
from jaxdl.losses.cross_entropy import sparse_categorical_cross_entropy as sparse_categorical_cross_entropy
from jaxdl.losses.margins import gaussian_kl as gaussian_kl
from jaxdl.losses.margins import hinge as hinge
from jaxdl.losses.margins import kl_divergence as kl_divergence
from jaxdl.losses.regression import huber as huber
from jaxdl.losses.regression import mean_absolute_error as mean_absolute_error
from jaxdl.losses.regression import mean_squared_error as mean_squared_error
from jaxdl.losses.regression import root_mean_squared_error as root_mean_squared_error
