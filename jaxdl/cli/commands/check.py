"""`jaxdl check`: every model's derivatives: reverse, forward and second, against finite differences."""

import re
from pathlib import Path

from jaxdl.cli.arguments import positional
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import print_table

HELP = """check [MODEL]    compare gradients with finite differences in float64
check RUN        the step at which a run's numbers went bad, again"""


def run(argv: list[str]) -> int:
    """Check and print a row a leaf; the exit code is 1 if a gradient is wrong."""
    wanted = positional(argv, "check [MODEL | RUN]", least=0, most=1)
    use_compilation_cache()
    if wanted and Path(wanted[0]).is_dir():
        from jaxdl.runs.autopsies import replayed

        print(found := replayed(wanted[0]) or "the step is well now")
        return 0 if isinstance(found, str) else 1
    from jaxdl import models

    reports = models.gradient_reports(wanted[0] if wanted else None)
    rows = [
        [model, "/".join(re.findall(r"'(\w+)'", leaf.path)), str(leaf.shape), f"{leaf.error:.1e}", leaf.verdict]
        for model, report in reports.items()
        for leaf in report.leaves
    ]
    print_table(["model", "leaf", "shape", "worst relative error", "verdict"], rows)
    derivatives = models.derivative_reports(wanted[0] if wanted else None)
    kinds = [
        [model, f"{reports[model].worst:.1e}", *([f"{d.forward:.1e}", f"{d.second:.1e}"] if d else ["none", "none"])]
        for model, d in derivatives.items()
    ]
    print_table(["model", "reverse", "forward", "second"], kinds)
    passed = all(report.ok for report in reports.values()) and all(d.ok for d in derivatives.values() if d)
    print(f"{len(rows)} leaves of {len(reports)} model(s): " + ("every gradient is right" if passed else "FAILED"))
    return 0 if passed else 1
