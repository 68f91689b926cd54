"""A check that cannot fail proves nothing: the cases' references must catch faults planted in the code itself."""

import numpy as np
import pytest
from cases import assert_close
from mutants.killing import all_mutants, killer

STEP = 7  # every seventh mutant: about 220, a minute
SHARE = 0.65  # `python -m tests.mutants` killed 1208 of 1582 by values alone; unit tests and gradients are not counted


@pytest.mark.slow
def test_most_mutants_are_killed():
    sample = list(all_mutants())[::STEP]
    survivors = [mutant for mutant in sample if killer(mutant) is None]
    assert len(sample) >= 200
    assert len(survivors) <= (1 - SHARE) * len(sample), "\n".join(map(str, survivors))


@pytest.mark.parametrize("planted", [np.transpose, lambda x: x[:, :1], lambda x: x[None], lambda x: x + 2e-6])
def test_the_comparison_sees_shapes_and_values(planted):
    x = np.ones((3, 2), np.float32)
    with pytest.raises(AssertionError):
        assert_close(planted(x), [x], 1e-6)
