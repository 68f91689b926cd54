"""Transformers of about 125 million parameters in bf16: tokens per second and model FLOPs utilization (MFU).

    language-model    12 decoder layers, 768 wide, 12 heads, vocabulary 50,304, 1,024 tokens, batch 16
    translation       6 + 6 layers, 768 wide, 12 heads, vocabulary 32,000 for both sides, 512 tokens each, batch 16

    MFU = FLOPs of a step by hand / time / peak        (scores that a causal mask hides count, as in PaLM's definition)

A batch that the device's memory does not hold is halved. torch and torch.compile run with their fused attention.
"""

from typing import Any

from benchmarks.gpu import peaks
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.settings import QUICK_ROUNDS, Setting
from benchmarks.measuring import runs
from benchmarks.reports import records
from benchmarks.reports.records import Record
from benchmarks.workloads import flops as counts
from benchmarks.workloads import ours
from benchmarks.workloads.case import Case
from jaxdl.models import transformer
from jaxdl.tree import parameter_count

ROUNDS, LEAST_BATCH = 5, 2
PEERS = ("torch", "torch-compile")
FULL = ("No space", "RESOURCE_EXHAUSTED", "out of memory", "Out of memory")  # how an allocation's failure reads


def case(name: str, batch: int = 16, *, small: bool = False) -> Case:
    """One of the two, or a small one of its structure."""
    alone = name == "language-model"
    d, n_heads, hidden, layers = (16, 2, 32, 2) if small else (768, 12, 3072, 12)
    vocabulary, length = (12, 8) if small else (50_304, 1024) if alone else (32_000, 512)
    config = transformer.Config(
        n_source=vocabulary,
        n_target=vocabulary,
        d_model=d,
        n_heads=n_heads,
        n_encoder_layers=0 if alone else layers // 2,
        n_decoder_layers=layers if alone else layers // 2,
        d_hidden=hidden,
        dropout=0.0,
        tied="output" if alone else "all",
        pad=None,
    )
    flops = counts.step(counts.transformer(config, length), batch)
    facts: dict[str, Any] = {"learning_rate": 1e-4, "tokens": batch * length, "precision": "bf16"}
    return Case(name, "sequences", transformer, config, batch, 4, (length,), flops, **facts)


def measure(setting: Setting, deadline: Deadline, name: str) -> list[Record]:
    """The rows of one model at the largest batch that fits."""
    batch = 4 if setting.quick else 16
    while True:
        deadline.check()
        try:
            return _measure(setting, case(name, batch, small=setting.quick))
        except Exception as error:
            if batch <= LEAST_BATCH or not any(words in str(error) for words in FULL):
                raise
            print(f"{name}: a batch of {batch} does not fit: {str(error).splitlines()[0]}", flush=True)
            batch //= 2


def _measure(setting: Setting, case: Case) -> list[Record]:
    rounds, against = (QUICK_ROUNDS, ()) if setting.quick else (ROUNDS, PEERS)
    found = runs.run(case, against, rounds, leave_out=(ours.BASE,), quick=setting.quick)
    peak = peaks.peak_of(found[0]["hardware"], side=256 if setting.quick else 8192)
    n = parameter_count(case.weights())
    rows = [row | ({"parameters": n} | utilization(row, case, peak) if "step_ms" in row else {}) for row in found]
    print(records.table(rows, ours.REFERENCE), flush=True)
    return rows


def utilization(row: Record, case: Case, peak: peaks.Peak) -> Record:
    """{"mfu", "peak"} of a timed row.

    >>> row, small = {"step_ms": {"median": 2.0}}, dataclasses.replace(case("language-model", small=True), flops=10**9)
    >>> utilization(row, small, peaks.Peak(1e12, "a peak"))
    {'mfu': 0.5, 'peak': 'a peak'}
    """
    return {"mfu": round(case.flops / (1e-3 * row["step_ms"]["median"]) / peak.flops_per_s, 4), "peak": peak.name}
