"""How fast jaxdl is on this machine, beside its peers: `python -m benchmarks`; see README.md in this folder."""

from pathlib import Path

ROOT = Path(__file__).parents[1]  # of the checkout: where `python -m benchmarks` finds itself
RESULTS = Path(__file__).parent / "results"  # the records
