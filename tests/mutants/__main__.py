"""`python -m tests.mutants [STEP]`: every mutant (or every STEP-th), the share killed and each survivor."""

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import conftest  # noqa: F401  (strict promotion, as in the suite)

from mutants.killing import all_mutants, killer

warnings.simplefilter("ignore")
everything = list(all_mutants())[:: int(sys.argv[1]) if len(sys.argv) > 1 else 1]
survivors = [mutant for mutant in everything if killer(mutant) is None]
print(*survivors, sep="\n")
print(f"{len(everything)} mutants, {len(everything) - len(survivors)} killed, {len(survivors)} survive")
