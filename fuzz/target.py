"""Define what is fuzzed: how an input is made, what reads it, and how it may be refused."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy, sampled_from, text

from actloc_ros.files import OutputError
from actloc_ros.io.conversions import FrameError
from actloc_ros.io.image_file import ImageError
from actloc_ros.io.source import SourceError
from actloc_ros.models.errors import ModelError
from actloc_ros.recordings.index.model import RecordingsError
from actloc_ros.truth.annotations import AnnotationError
from actloc_ros.truth.boxes import EvaluationError

REFUSALS = (
    AnnotationError,
    EvaluationError,
    FrameError,
    ImageError,
    ModelError,
    OutputError,
    RecordingsError,
    SourceError,
)
# Of some characters: Hypothesis takes seconds to list all that there are.
WORDS = text(sampled_from('aZ09_/:=,. ~#\0\t\né²٣\u2028\ufeff👋'), max_size=12)
LONGEST = 1200  # characters of a text that a person is to read


@dataclass(frozen=True)
class Target:
    """One kind of input and what reads it.

    Attributes:
        name: Short, for the command line.
        make: Makes an input of random numbers, with an empty folder to write files to. What it
            returns is given to `run`; it must be the same for the same numbers.
        run: Reads the input. It returns, or raises an error of the project's own that says in one
            line what is wrong, and names the file where the input is a path.
        share: How many inputs it gets, against the other targets.
        prepare: What takes time and memory once, such as imports.
    """

    name: str
    make: Callable[[Random, Path], Any]
    run: Callable[[Any], None]
    share: float
    prepare: Callable[[], Any] = lambda: None


def fault_of(error: BaseException, value: Any) -> str:
    """Return what is wrong with an error that an input caused; empty where it is a refusal.

    `ValueError` itself is one where the project raises it, and not what a function stumbled upon;
    `OSError` where it names a file.
    """
    text = str(error)
    if not (isinstance(error, REFUSALS) or _is_own(error) or getattr(error, 'filename', None)):
        return f'{type(error).__name__} is no refusal'
    if '\n' in text or '\r' in text:
        return 'the text has several lines'
    if not 1 < len(text) <= LONGEST:
        return f'the text has {len(text)} characters'
    if isinstance(value, Path) and not any(name in text for name in _names(value)):
        return f'the text does not name {value.name}'
    return ''


def _names(path: Path) -> Iterator[str]:
    """Yield the names of a file, and of what lies beside it: what it names may be at fault."""
    yield path.name
    yield str(path.parent)
    yield from (other.name for other in path.parent.iterdir())


def _is_own(error: BaseException) -> bool:
    """Say whether it is a `ValueError` of a `raise` in this project."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if not isinstance(error, ValueError) or trace is None:
        return False
    file = trace.tb_frame.f_code.co_filename
    line = linecache.getline(file, trace.tb_lineno)
    return 'actloc_ros' in file and line.lstrip().startswith('raise ')


def draw(strategy: SearchStrategy[Any], random: Random) -> Any:
    """Return what Hypothesis makes of a strategy with numbers of `random`."""
    found: list[Any] = []

    @seed(random.getrandbits(64))
    @settings(
        max_examples=2,  # the first is always the simplest
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found[-1]
