"""What a training part may be beside arrays: records read by number, and batches that come one after the other.

`fit` streams both. Arrays, mapped from a file or not, need none of this.
"""

import dataclasses
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

GRAIN = "needs grain: pip install 'jaxdl[streaming]'"
_ENDLESS = 2**40  # a length above it is grain's way to say that there is none


@dataclasses.dataclass(frozen=True)
class Batches:
    """Batches that somebody else makes: a list, a generator, a grain data set, a loader of another library.

    Attributes:
        batches: an iterable of dicts of arrays with a common leading axis, such as {"x": [B, ...], "y": [B]} (with
            "mask": [B], if rows are to be left out); or a function of the epoch, from 0, that gives one.
        steps: batches in an epoch; None is the iterable's own length. Where a pass ends, another begins.

    >>> Batches([{"x": [1.0]}] * 3).n_steps()
    3
    """

    batches: Iterable[Mapping[str, Any]] | Callable[[int], Iterable[Mapping[str, Any]]]
    steps: int | None = None

    def n_steps(self) -> int:
        """Batches in an epoch. Raises ValueError where nobody knows."""
        if self.steps is not None:
            if not isinstance(self.steps, int) or self.steps < 1:
                raise ValueError(f"Batches: steps must be a whole number, at least 1, got {self.steps!r}")
            return self.steps
        length = operator.length_hint(self.batches, -1) if hasattr(self.batches, "__len__") else -1
        if not 0 <= length < _ENDLESS:
            raise ValueError(
                f"Batches: a {type(self.batches).__name__} does not say how many batches an epoch has: "
                "write Batches(batches, steps=N)"
            )
        return require_some(length)

    def start(self, epoch: int = 0) -> Iterator[Mapping[str, Any]]:
        """A new pass (of a generator, the one pass that it has)."""
        if type(self.batches).__module__.startswith("grain"):
            parse_flags()
        return iter(self.batches(epoch) if callable(self.batches) else self.batches)


@dataclasses.dataclass(frozen=True)
class Records:
    """Examples that are read by number: array_record files, or anything else with a length and an index.

    Attributes:
        source: `len(source)` examples; `source[i]` is one, in any form that `decode` takes.
        decode: of what `source[i]` gives, an example as {"x": [...], "y": ...}; None where it is one already.
        workers: processes that read and decode; they pay where decoding takes longer than training. 0 is a thread of
            this process. Such processes import a script anew: its start belongs under `if __name__ == "__main__":`.

    >>> len(Records([{"x": 1.0}, {"x": 2.0}]))
    2
    """

    source: Any
    decode: Callable[[Any], Mapping[str, Any]] | None = None
    workers: int = 0

    def __len__(self) -> int:
        return require_some(len(self.source))

    def example(self, row: int) -> Mapping[str, Any]:
        """One example."""
        found = self.source[row]
        return found if self.decode is None else self.decode(found)


def array_records(
    paths: Path | str | Iterable[Path | str], decode: Callable[[bytes], Mapping[str, Any]], *, workers: int = 0
) -> Records:
    """The examples of array_record files, one record each, read in any order.

    Args:
        paths: one file or several, whose records follow each other.
        decode: bytes -> {"x": [...], "y": ...}.
        workers: as in `Records`.
    Raises: ValueError for a file that is not there or damaged, and where grain is not installed.
    """
    try:
        from grain.sources import ArrayRecordDataSource
    except ImportError:
        raise ValueError(f"an array_record file {GRAIN}") from None
    files = [paths] if isinstance(paths, (str, Path)) else list(paths)
    if missing := next((path for path in files if not Path(path).is_file()), None):
        raise ValueError(f"{missing} is not there: an array_record file is expected")
    try:
        source = ArrayRecordDataSource([str(path) for path in files])
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{files[0]} cannot be read: {str(error).splitlines()[0]}") from None
    return Records(source, decode, workers)


def as_stream(part: Any) -> Batches | Records | None:
    """What is to be streamed, whatever its size; None for arrays.

    >>> as_stream([{"x": [1.0]}]).n_steps(), as_stream({"x": 1})
    (1, None)
    """
    if isinstance(part, (Batches, Records)):
        return part
    if isinstance(part, (Mapping, str, bytes, tuple)) or hasattr(part, "to_numpy") or hasattr(part, "dtype"):
        return None
    return Batches(cast(Any, part)) if callable(part) or hasattr(part, "__iter__") else None


def parse_flags() -> None:
    """grain's worker processes read absl's command line, which only an absl program has parsed."""
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def require_some(n: int) -> int:
    """n, if there is anything at all."""
    if n < 1:
        raise ValueError("the stream is empty: it has no examples")
    return n
