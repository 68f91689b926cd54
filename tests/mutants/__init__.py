"""Mutants of the code itself: small faults planted in it that the suite's own cases must catch."""
