"""Write README's generated sections from the stored records: `python -m benchmarks.readme [--check]`."""

import json
import re
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"


def section(readme: str, name: str, content: str) -> str:
    """`readme` with new content between `<!-- name:begin -->` and `<!-- name:end -->`."""
    pattern = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    if not pattern.search(readme):
        raise ValueError(f"README has no section {name!r}")
    return pattern.sub(lambda match: match[1] + content + match[2], readme)


def scores() -> str:
    """The table of recipes with their measured scores."""
    lines = [
        "| recipe | what | score | mean | 95 % | seeds | seconds a run | device |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted((RESULTS / "scores").glob("*.json")):
        record: dict[str, Any] = json.loads(path.read_text())
        interval = f"± {record['confidence95']:.4f}" if len(record["runs"]) > 1 else ""
        device = f"{record['device'].split(' (')[0]}, {record['machine'].split(', ')[-1]}"
        cells = [
            f"`{record['recipe']}`",
            record["about"].rstrip("."),
            record["score"],
            f"{record['mean']:.4f}",
            interval,
        ]
        cells += [str(len(record["runs"])), f"{record['seconds']:.0f}", device]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def output() -> str:
    """What the main job printed."""
    return f"```\n{(RESULTS / 'main_job.txt').read_text().rstrip()}\n```\n"


def generate(readme: str) -> str:
    """README with every generated section written anew."""
    for name, content in (("output", output()), ("scores", scores())):
        readme = section(readme, name, content)
    return readme


def main() -> int:
    """Write README, or with --check say whether it is up to date."""
    before = README.read_text()
    after = generate(before)
    if "--check" in sys.argv:
        return int(before != after)
    README.write_text(after)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
