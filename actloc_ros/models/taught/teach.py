"""Take examples of an action from recordings: whose, from when to when, and what else there is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from actloc_ros.frames import Frame, seconds
from actloc_ros.localizer import Localizer
from actloc_ros.models.taught.localizer import features_of

SPAN = re.compile(r'(.+)@(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)s?')
LEAD = 0.3  # s from an action's begin until its features show it
LEAST = 0.3  # s that an example must last
AFTER = 10.0  # s after the last example that still teach what is none


class TeachError(ValueError):
    """Examples that cannot be used; the text says which and what to do."""


@dataclass(frozen=True)
class Span:
    """A part of a recording that shows the action, in s from its first frame.

    Attributes:
        source: The recording, as `io.sources.open_source` takes it.
        start: When it begins.
        end: When it ends.
    """

    source: str
    start: float
    end: float

    @classmethod
    def parse(cls, text: str) -> Span:
        """Return what `RECORDING@3.2-5.0s` says.

        Raises:
            TeachError: It is written otherwise, or too short.
        """
        match = SPAN.fullmatch(text)
        if match is None:
            raise TeachError(f'"{text}" is no example; write RECORDING@START-ENDs: a.mp4@3.2-5.0s')
        span = cls(match[1], float(match[2]), float(match[3]))
        if span.end - span.start < LEAST:
            raise TeachError(f'"{text}" lasts less than {LEAST} s; an example must be longer')
        return span


class Taken(NamedTuple):
    """What a recording teaches; D numbers a frame.

    Attributes:
        examples: Of each example, in order, float32 (frames, D).
        others: What is none of them, float32 (frames, D).
        appearance: How many of the D, the last ones, are of appearance, not of motion.
    """

    examples: list[np.ndarray]
    others: np.ndarray
    appearance: int


@dataclass(eq=False)
class _Track:
    """An actor's features: within examples by example, and outside of all."""

    inside: dict[int, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    area: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    outside: list[np.ndarray] = field(default_factory=list)


def examples_of(frames: Iterable[Frame], localizer: Localizer, spans: list[Span]) -> Taken:
    """Return the features of the examples in one recording, and of what is none of them.

    An example is of the actor who is largest in it; what others do meanwhile is not known, and
    left out, as are moments in which the appearance of someone is not known.

    Raises:
        TeachError: Nobody is found in an example.
        ModelError: The localizer gives no features.
    """
    tracks: dict[int, _Track] = defaultdict(_Track)
    begin: int | None = None
    time, appearance = 0.0, 0
    for frame in frames:
        begin = frame.stamp if begin is None else begin
        time = seconds(frame.stamp - begin)
        if time > max(span.end for span in spans) + AFTER:
            break
        [found] = localizer.step([frame])
        if not len(found):
            continue
        features, appearance = features_of(found, localizer.name)
        assert found.track_ids is not None
        for track_id, row, box in zip(found.track_ids.tolist(), features, found.boxes, strict=True):
            if np.isfinite(row).all():
                _note(tracks[track_id], time, row, box, spans)
    for span in spans:
        if span.start > time:
            raise TeachError(
                f'{span.source} ends at {time:.1f} s, before the example from {span.start} s on;'
                ' times count from its first frame'
            )
    examples = [_largest(tracks, index, span) for index, span in enumerate(spans)]
    outside = [row for track in tracks.values() for row in track.outside]
    width = examples[0].shape[1]
    return Taken(examples, np.array(outside, np.float32).reshape(-1, width), appearance)


def _note(
    track: _Track, time: float, features: np.ndarray, box: np.ndarray, spans: list[Span]
) -> None:
    """Keep an actor's features of one moment where it belongs."""
    within = [i for i, span in enumerate(spans) if span.start <= time <= span.end]
    for index in within:
        track.area[index] += float((box[2] - box[0]) * (box[3] - box[1]))
        if time - spans[index].start >= min(LEAD, (spans[index].end - spans[index].start) / 2):
            track.inside[index].append(features)
    # What follows an example is still in the memory that features are.
    if not any(span.start - 0.1 <= time <= span.end + 1.0 for span in spans):
        track.outside.append(features)


def _largest(tracks: dict[int, _Track], index: int, span: Span) -> np.ndarray:
    here = [track for track in tracks.values() if track.inside.get(index)]
    if not here:
        raise TeachError(
            f'nobody is found in {span.source} from {span.start} to {span.end} s; choose another'
            ' example, in which the person is larger or nearer'
        )
    best = max(here, key=lambda track: track.area[index])
    return np.array(best.inside[index], np.float32)
