"""Scores of trained recipes over seeds, and the tables of them: `python -m benchmarks.scores`."""
