"""`jaxdl bench`: how fast this machine is, with jaxdl and with what one would take instead."""

import importlib.util

HELP = """bench [WORKLOAD...] [--against NAMES] [--devices NAMES] [--precision NAMES] [--quick] [--json FILE]
                 time jaxdl beside flax, Keras and PyTorch on this machine; `growth` is time against size
bench compare A.json B.json
                 compare two files of such times"""


def run(argv: list[str]) -> int:
    """Measure and print; returns the exit code."""
    if importlib.util.find_spec("benchmarks") is None:
        raise ValueError("the benchmarks were not installed with jaxdl; run this in a checkout of its source")
    from benchmarks.__main__ import main

    return main(argv)
