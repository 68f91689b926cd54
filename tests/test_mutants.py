"""Faults planted in the code itself: the cases' values against their references must catch most of them."""

import pytest
from mutants.killing import all_mutants, killer

STEP = 4  # every fourth mutant: about 200, a minute
SHARE = 0.6  # `python -m tests.mutants` killed 579 of 833 by values alone; unit tests and gradients are not counted


@pytest.mark.slow
def test_most_mutants_are_killed():
    sample = list(all_mutants())[::STEP]
    survivors = [mutant for mutant in sample if killer(mutant) is None]
    assert len(sample) >= 200
    assert len(survivors) <= (1 - SHARE) * len(sample), "\n".join(map(str, survivors))
