"""Say how an annotation is to be written, and what was written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actloc_ros.recordings.annotate.key_frames import WITHIN
from actloc_ros.recordings.annotate.review import BELOW


@dataclass(frozen=True)
class WriteOptions:
    """How an annotation is to be written.

    Attributes:
        within: How far a box that is left out may be from the line between key frames, in px.
        below: Confidence in [0, 1] below which a stretch is marked for review.
    """

    within: float = WITHIN
    below: float = BELOW


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        files: The files, the most important one first.
        notes: What the format cannot hold, in words.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()
