"""What a gradient check found: one row per leaf, and the table that `jaxdl check` prints."""

from dataclasses import dataclass
from typing import Literal

from jaxdl.types import Shape

Verdict = Literal["ok", "wrong", "not finite", "undecided"]


@dataclass(frozen=True)
class LeafReport:
    """The comparison of one leaf of the gradient with finite differences.

    Attributes:
        path: the leaf as a Python expression, "args[0]['w']".
        shape: the leaf's shape.
        error: the worst relative error |gradient - difference| / max(|gradient|, |difference|) over the leaf.
        index: where the worst error is; None if it was met along a random direction of the whole leaf.
        gradient: what `jax.vjp` gives there (along the direction, if index is None).
        difference: what finite differences give there.
        verdict: "ok", "wrong" (error above rtol), "not finite" (the gradient holds NaN or infinity) or
            "undecided" (no finite difference was precise enough: kinks at every point tried, or rounding noise).
        checked: how many coordinates or directions were compared.
        kinks: how many of these sat on a kink and were compared at a neighboring point instead.
        undecided: how many could not be compared at all; any makes the verdict at best "undecided".
    """

    path: str
    shape: Shape
    error: float
    index: tuple[int, ...] | None
    gradient: float
    difference: float
    verdict: Verdict
    checked: int
    kinks: int
    undecided: int

    def __str__(self) -> str:
        where = "along a random direction" if self.index is None else f"at index {self.index}"
        values = f"the gradient is {self.gradient:.10g}, finite differences give {self.difference:.10g}"
        if self.verdict == "undecided":
            return (
                f"{self.path} {where}: {values}, but these do not settle ({self.undecided} of"
                f" {self.checked + self.undecided} undecided): every point tried lies on a kink or is rounded too"
                " coarsely; check at another point, or in functions without kinks there"
            )
        return f"{self.path} {where}: {values} (relative error {self.error:.1e}, {self.verdict})"


@dataclass(frozen=True)
class GradientReport:
    """All leaves of a gradient check; `str(report)` is the table.

    Attributes:
        leaves: one `LeafReport` per differentiated leaf, in the tree's order.
        rtol: the largest relative error allowed.
        directional: True if large leaves were checked along random directions and sampled coordinates only.
        hint: a likely cause of failures that lies in how the function computes, or "".
    """

    leaves: tuple[LeafReport, ...]
    rtol: float
    directional: bool
    hint: str = ""

    @property
    def ok(self) -> bool:
        """True if every leaf's verdict is "ok"."""
        return not self.failures

    @property
    def failures(self) -> tuple[LeafReport, ...]:
        """The leaves whose verdict is not "ok"."""
        return tuple(leaf for leaf in self.leaves if leaf.verdict != "ok")

    @property
    def worst(self) -> float:
        """The worst relative error over all leaves."""
        return max(leaf.error for leaf in self.leaves)

    def __str__(self) -> str:
        head = ("leaf", "shape", "worst relative error", "kinks", "verdict")
        rows = [
            (leaf.path, str(leaf.shape), f"{leaf.error:.1e}", str(leaf.kinks), leaf.verdict) for leaf in self.leaves
        ]
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in [head, *rows]]
        return "\n".join(line.rstrip() for line in lines)

    def message(self) -> str:
        """The failures in words, one line per leaf, then the table."""
        count = f"{len(self.failures)} of {len(self.leaves)} leaves failed the gradient check (rtol {self.rtol:g})"
        lines = [count, *(f"  {leaf}" for leaf in self.failures)]
        return "\n".join([*lines, *([f"  hint: {self.hint}"] if self.hint else []), str(self)])
