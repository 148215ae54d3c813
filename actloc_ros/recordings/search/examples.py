"""Make examples of what a user names: a moment of a recording, an image, a video."""

from __future__ import annotations

from pathlib import Path

from actloc_ros.recordings.index.open import Index
from actloc_ros.recordings.search.engine import Searcher
from actloc_ros.recordings.search.query import QueryError
from actloc_ros.recordings.search.similar import Example, example_at, moment_of


def examples_of(index: Index, searcher: Searcher, text: str) -> list[Example]:
    """Return the examples that a text names.

    Args:
        index: Open.
        searcher: Of the same index.
        text: `RECORDING@12.4s` or `RECORDING@12.4s#TRACK` of the index, or the path of an image or
            a video.

    Raises:
        QueryError: It is none of these, or shows nobody.
    """
    moment = moment_of(text)
    if moment is not None and not Path(text).exists():
        return example_at(index, searcher, *moment)
    raise QueryError(f'--like {text} is neither a moment such as RECORDING@12.4s nor a file')
