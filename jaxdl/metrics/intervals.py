"""How sure a mean over runs is: Student's t, on the host."""

from typing import Any

import numpy as np


def confidence(values: Any) -> float:
    """Half the width of the 95 % confidence interval of a mean, by Student's t; 0 for a single value.

        t_(0.975, n - 1) s / sqrt(n),    s the standard deviation of the n values (n - 1 degrees of freedom)

    >>> f"{confidence([0.97, 0.98, 0.99]):.4f}"
    '0.0248'
    """
    from scipy.stats import t

    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return 0.0
    return float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
