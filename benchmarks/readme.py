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


def speed() -> str:
    """The newest record of each workload on a CPU: milliseconds a training step, ours beside the peers."""
    newest: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((RESULTS / "cpu").glob("*.json")):
        records = json.loads(path.read_text())
        if isinstance(records, list) and records and "implementation" in records[0]:
            newest[records[0]["workload"]] = records
    tables = [_speed_table(workload, records) for workload, records in newest.items() if workload != "losses"]
    return "\n".join(tables)


def _speed_table(workload: str, records: list[dict[str, Any]]) -> str:
    timed = [record for record in records if "step_ms" in record]
    base = next(r["step_ms"]["median"] for r in timed if r["implementation"] == "jaxdl")
    first = timed[0]
    found = first["versions"]
    versions = ", ".join(f"{name} {found[name]}" for name in ("jax", "flax", "torch", "keras") if name in found)
    lines = [f"**{workload}**, milliseconds a training step (float32, {first['hardware']}; {versions}):\n"]
    lines += [
        "| implementation | median | quartiles | relative | GFLOP/s | peak memory MB |",
        "|---|---|---|---|---|---|",
    ]
    for r in sorted(timed, key=lambda r: r["step_ms"]["median"]):
        ms = r["step_ms"]
        cells = [r["implementation"], f"{ms['median']:.2f}", f"{ms['q1']:.2f} to {ms['q3']:.2f}"]
        cells += [f"{ms['median'] / base:.2f}", f"{r['gflops_per_s']:.0f}" if "gflops_per_s" in r else ""]
        cells += [f"{r['peak_host_mb']:.0f}" if r.get("peak_host_mb") else ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def output() -> str:
    """What the main job printed."""
    return f"```\n{(RESULTS / 'main_job.txt').read_text().rstrip()}\n```\n"


def generate(readme: str) -> str:
    """README with every generated section written anew."""
    for name, content in (("output", output()), ("scores", scores()), ("speed", speed())):
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
