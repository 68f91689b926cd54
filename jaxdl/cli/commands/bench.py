"""`jaxdl bench`: how fast this machine is, with jaxdl and with what one would take instead."""

import importlib.util

HELP = """bench [WORKLOAD...] [--against NAMES] [--devices NAMES] [--precision NAMES] [--quick] [--json FILE]
                 time jaxdl beside flax, Keras and PyTorch on this machine; `growth` is time against size
bench compare A.json B.json
                 compare two files of such times
bench gpu [--minutes N] [--only PART] [--out DIR]
                 everything that is measured on a GPU, in one unattended command"""
ABSENT = "bench is not in the wheel: run it in a checkout of jaxdl's source, after pip install -e '.[bench]' there"


def run(argv: list[str]) -> int:
    """Measure and print; returns the exit code."""
    if not all(importlib.util.find_spec(name) for name in ("benchmarks", "benchmarks.measuring")):
        raise ValueError(ABSENT)
    from benchmarks.__main__ import main

    return main(argv)
