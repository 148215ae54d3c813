"""Hold what a model says of one recording, by numbers of frames, as annotation tools need it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from actloc_ros.frames import NANOSECONDS


class AnnotateError(ValueError):
    """An annotation that cannot be made or compared; the text names it and says what to do."""


@dataclass(frozen=True)
class Span:
    """One action of one actor.

    Attributes:
        label: The action.
        first: Its first frame.
        last: Its last frame, `first` or later.
        score: The mean of the label's scores over its frames, in [0, 1].
    """

    label: str
    first: int
    last: int
    score: float = 1.0


@dataclass(frozen=True, eq=False)
class AnnotatedActor:
    """One actor: a box in each frame in which it is visible.

    Attributes:
        track: Its number, from 1.
        frames: int64 (N,), rising; where they leave out some, the actor is not visible.
        boxes: float64 (N, 4), x1, y1, x2, y2 in pixels, half-open, within the image.
        scores: float64 (N,) in [0, 1], that the box holds an actor.
        best: float64 (N,) in [0, 1], the highest score of any action.
        spans: What it does, by rising first frames.
    """

    track: int
    frames: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    best: np.ndarray
    spans: tuple[Span, ...] = ()

    def runs(self) -> Iterator[slice]:
        """Yield the rows of each stretch of frames without a gap."""
        breaks = np.flatnonzero(np.diff(self.frames) > 1) + 1
        edges = [0, *breaks.tolist(), len(self.frames)]
        yield from (slice(a, b) for a, b in pairwise(edges) if b > a)

    def doing(self, frame: int) -> tuple[str, ...]:
        """Return the labels of what it does in a frame, without repeats, in their own order."""
        return tuple(
            dict.fromkeys(span.label for span in self.spans if span.first <= frame <= span.last)
        )


@dataclass(frozen=True, eq=False)
class RecordingAnnotation:
    """What a model says of one recording.

    Attributes:
        recording: The file or folder that it is about.
        media: What annotation tools show: the recording, or of a bag the video made of it.
        times: int64 (F,), when each frame is shown, in ns from the first one on, rising.
        width: Of the images, in pixels.
        height: Of the images, in pixels.
        labels: The model's actions.
        actors: In the order in which they are to be looked at.
        model: The model's name.
        images: Names of the images, where the recording is a folder of them.
    """

    recording: Path
    media: Path
    times: np.ndarray
    width: int
    height: int
    labels: tuple[str, ...]
    actors: tuple[AnnotatedActor, ...]
    model: str = ''
    images: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.times)

    @property
    def rate(self) -> float:
        """Mean frames per second, above 0."""
        if self.frames < 2:
            return 30.0
        return (self.frames - 1) * NANOSECONDS / float(self.times[-1] - self.times[0])

    def start(self, span: Span) -> int:
        """Return when a span's first frame is shown, in ns from the first frame on."""
        return int(self.times[span.first])

    def end(self, span: Span) -> int:
        """Return when the frame after a span's last one is shown, in ns, later than its start."""
        if span.last + 1 < self.frames:
            return int(self.times[span.last + 1])
        return int(self.times[span.last]) + round(NANOSECONDS / self.rate)

    @property
    def duration(self) -> int:
        """How long it lasts, in ns, with the last frame's time."""
        return int(self.times[-1]) + round(NANOSECONDS / self.rate)

    def spans(self) -> list[tuple[AnnotatedActor, Span]]:
        """Return all actions of all actors in the order of time."""
        pairs = [(actor, span) for actor in self.actors for span in actor.spans]
        return sorted(pairs, key=lambda pair: (pair[1].first, pair[1].last, pair[0].track))
