"""Where a number that is not finite comes from: a step's operations, one after the other, until the first bad one.

    bad(v) = any element of v is NaN or infinite
    blame(outputs) = blame of a bad input, or else this operation; nothing where the outputs are finite

So an infinity that a later operation throws away (a mask before a softmax) is nobody's fault.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from jaxdl.tree import named_leaves
from jaxdl.types import Batch

_CALLS = ("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2", "custom_jvp_call", "custom_vjp_call")
_LIBRARIES = ("jax", "jaxlib", "optax", "functools.py", "contextlib.py")


class Blame(NamedTuple):
    """The first operation (or input) with a value that is not finite, on the way to what the step gave.

    Attributes:
        order: its place among all operations; 0 for an input.
        phase: "data" or "start" (it came with the batch or the state), "forward", "backward" or "update".
        operation: the primitive's name, or the path of the input.
        place: file, line and function whose operation (or whose derivative) it is.
        leaf: the leaf of the train state that was used last on the way there: its layer.
        rows: the rows of the batch that are bad, where the value has a row for each.
    """

    order: int
    phase: str
    operation: str
    place: str
    leaf: str
    rows: tuple[int, ...]


class _Value(NamedTuple):
    value: Any
    blame: Blame | None = None
    leaf: str = ""  # the leaf of the state that was mixed in last, ...
    since: int = 0  # ... and when; 0 where nothing but that leaf is in the value


def find(step: Any, state: Any, batch: Batch) -> Blame | None:
    """The blame for what is not finite in the state and metrics after a step; None where all is.

    >>> def step(state, batch):
    ...     y = state["w"] - jnp.log(batch["x"] * state["w"])
    ...     return {"w": y}, {"loss": y.sum()}
    >>> found = find(step, {"w": jnp.ones(2)}, {"x": jnp.array([1.0, 0.0])})
    >>> found.phase, found.operation, found.leaf, found.rows
    ('forward', 'log', 'w', (1,))
    """
    program, shapes = jax.make_jaxpr(step, return_shape=True)(state, batch)
    rows = max((len(values) for values in batch.values() if values.ndim), default=0)
    paths = [("start", path) for path in named_leaves(state)] + [("data", path) for path in named_leaves(batch)]
    values = [
        _Value(leaf, _of_input(kind, path, leaf, rows), path if kind == "start" else "")
        for (kind, path), leaf in zip(paths, jax.tree.leaves((state, batch)), strict=True)
    ]
    outputs = _Interpreter(program.jaxpr, rows).run(program.jaxpr, program.consts, values)
    first = _first(outputs)
    seen = _first(outputs[len(outputs) - len(jax.tree.leaves(shapes[1])) :])  # in the metrics: what the loss is of
    if first is not None and first.phase == "forward" and seen is None:
        return first._replace(phase="backward")  # a factor of the derivative, which the forward pass computes
    return first


class _Interpreter:
    def __init__(self, program: Any, rows: int) -> None:
        self._program, self._rows, self._number, self._turned = program, rows, itertools.count(1), False

    def run(self, jaxpr: Any, consts: Any, values: list[_Value], outer: str = "") -> list[_Value]:
        """The values of a program's outputs; `outer` is the phase of the operation that holds it, "" for none."""
        env: dict[Any, _Value] = dict(zip(jaxpr.constvars, map(_Value, consts), strict=True))
        env.update(zip(jaxpr.invars, values, strict=True))

        def read(atom: Any) -> _Value:
            return _Value(atom.val) if isinstance(atom, Literal) else env[atom]

        for equation in jaxpr.eqns:
            phase = outer if outer in ("backward", "update") else self._phase(equation)
            env.update(zip(equation.outvars, self._apply(equation, [*map(read, equation.invars)], phase), strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _apply(self, equation: Any, ins: list[_Value], phase: str) -> list[_Value]:
        name, params = equation.primitive.name, equation.params
        if name == "scan":
            return self._scan(params, ins, phase)
        if name == "cond":
            branch = params["branches"][int(ins[0].value)]
            return self.run(branch.jaxpr, branch.consts, ins[1:], phase)
        inner = params.get("jaxpr", params.get("call_jaxpr")) if name in _CALLS else None
        if inner is not None:
            return self.run(getattr(inner, "jaxpr", inner), getattr(inner, "consts", []), ins, phase)
        outs = _computed(self._program, equation, [v.value for v in ins])
        number = next(self._number)
        leaf, since = _last_leaf(ins, number)
        return [_Value(out, self._blame(equation, ins, out, phase, leaf, number), leaf, since) for out in outs]

    def _scan(self, params: Any, ins: list[_Value], phase: str) -> list[_Value]:
        """Turn by turn: the layers of a stack, or the micro-batches of a step."""
        body, n_consts, n_carry = params["jaxpr"], params["num_consts"], params["num_carry"]
        consts, carry, rows = ins[:n_consts], ins[n_consts : n_consts + n_carry], ins[n_consts + n_carry :]
        turns = range(params["length"])
        parts: dict[int, list[_Value]] = {}
        for i in reversed(turns) if params["reverse"] else turns:
            taken = [v._replace(value=v.value[i]) for v in rows]
            outs = self.run(body.jaxpr, body.consts, [*consts, *carry, *map(_checked, taken)], phase)
            carry, parts[i] = outs[:n_carry], outs[n_carry:]
        stacked = [
            _Value(
                jnp.stack([v.value for v in column]),
                _first(column),
                column[-1].leaf,
                column[-1].since,
            )
            for column in zip(*(parts[i] for i in turns), strict=True)
        ]
        return [*carry, *stacked]

    def _blame(self, equation: Any, ins: list[_Value], out: Any, phase: str, leaf: str, number: int) -> Blame | None:
        if _finite(out):
            return None
        return _first(ins) or Blame(
            number, phase, equation.primitive.name, _place(equation), leaf, _bad_rows(out, self._rows)
        )

    def _phase(self, equation: Any) -> str:
        names = str(equation.source_info.name_stack)
        if "transpose" in names:
            self._turned = True
            return "backward"
        return "update" if self._turned and "jvp" not in names else "forward"


def _first(values: Sequence[_Value]) -> Blame | None:
    return min((v.blame for v in values if v.blame is not None), default=None)


def _computed(jaxpr: Any, equation: Any, values: list[Any]) -> list[Any]:
    """The values of one operation's outputs; `jaxpr` is a program that holds it."""
    pairs = zip(equation.invars, values, strict=True)
    given = {atom: value for atom, value in pairs if not isinstance(atom, Literal)}
    alone = jaxpr.replace(constvars=[], invars=list(given), outvars=equation.outvars, eqns=[equation])
    return jaxpr_as_fun(ClosedJaxpr(alone, ()))(*given.values())


def _last_leaf(ins: list[_Value], number: int) -> tuple[str, int]:
    """A leaf that enters here (its layer begins), or else the one that entered last."""
    named = [v for v in ins if v.leaf]
    if not named:
        return "", 0
    alone = [v for v in named if not v.since]
    if alone:  # nothing else in it: a cast or a reshape of the leaf itself
        return alone[0].leaf, 0 if len(ins) == 1 else number
    last = max(named, key=lambda v: v.since)
    return last.leaf, last.since


def _of_input(kind: str, path: str, leaf: Any, rows: int) -> Blame | None:
    place = "the batch" if kind == "data" else "the state before the step"
    found = _bad_rows(leaf, rows) if kind == "data" else ()
    return None if _finite(leaf) else Blame(0, kind, path, place, "", found)


def _checked(v: _Value) -> _Value:
    return v if v.blame is None or not _finite(v.value) else v._replace(blame=None)


def _finite(x: Any) -> bool:
    return not jnp.issubdtype(jnp.result_type(x), jnp.inexact) or bool(jnp.isfinite(x).all())


def _bad_rows(x: Any, rows: int) -> tuple[int, ...]:
    if jnp.ndim(x) == 0 or x.shape[0] != rows:
        return ()
    bad = ~np.asarray(jnp.isfinite(x)).reshape(rows, -1).all(1)
    return tuple(np.flatnonzero(bad).tolist())


def _place(equation: Any) -> str:
    """The line of the innermost function that is no library's; "" where none is known."""
    traceback = equation.source_info.traceback
    for frame in traceback.frames if traceback else ():
        parts = Path(frame.file_name).parts
        if not set(_LIBRARIES) & set(parts) and not frame.file_name.startswith("<"):
            start = max((i for i, part in enumerate(parts) if part == "jaxdl"), default=len(parts) - 1)
            line = getattr(frame, "line_num", None) or getattr(frame, "start_line", 0)
            return f"{'/'.join(parts[start:])}:{line} ({frame.function_name.rpartition('.')[2]})"
    return ""
