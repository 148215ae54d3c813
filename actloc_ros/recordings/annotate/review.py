"""Say what people should look at first: where the model is least certain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from actloc_ros.recordings.annotate.annotation import AnnotatedActor, RecordingAnnotation
from actloc_ros.recordings.annotate.key_frames import stretches

BELOW = 0.6  # confidence in [0, 1] below which a stretch is marked


@dataclass(frozen=True)
class Stretch:
    """Frames in which an actor does the same.

    Attributes:
        actor: The actor.
        first: The first frame.
        last: The last frame.
        actions: What it does; may be none.
        confidence: In [0, 1]; see `confidence`.
    """

    actor: AnnotatedActor
    first: int
    last: int
    actions: tuple[str, ...]
    confidence: float


def review_stretches(actor: AnnotatedActor) -> Iterator[Stretch]:
    """Yield all stretches of an actor in the order of time."""
    for rows in actor.runs():
        for start, end, actions in stretches(actor, rows):
            part = slice(start, end)
            first, last = int(actor.frames[start]), int(actor.frames[end - 1])
            yield Stretch(actor, first, last, actions, confidence(actor, part, actions))


def confidence(actor: AnnotatedActor, rows: slice, actions: Sequence[str]) -> float:
    """Return how certain the model is of a stretch, in [0, 1].

    It is the least of the mean score of the boxes and, of each action, the mean of its scores
    over the action. Where there is no action it is 1 minus the mean of the highest score of any.
    """
    boxes = float(actor.scores[rows].mean())
    if not actions:
        return min(boxes, 1.0 - float(actor.best[rows].mean()))
    first, last = int(actor.frames[rows.start]), int(actor.frames[rows.stop - 1])
    own = [
        span.score
        for span in actor.spans
        if span.label in actions and span.first <= last and span.last >= first
    ]
    return min([boxes, *own])


def uncertainty(actor: AnnotatedActor) -> float:
    """Return 1 minus the confidence of the stretch that is least certain, in [0, 1]."""
    return 1.0 - min(each.confidence for each in review_stretches(actor))


def review_first(annotation: RecordingAnnotation) -> RecordingAnnotation:
    """Return an annotation with the actors in the order of their uncertainty, highest first."""
    ordered = sorted(annotation.actors, key=lambda actor: (-uncertainty(actor), actor.track))
    return replace(annotation, actors=tuple(ordered))


def doubtful(annotation: RecordingAnnotation, below: float = BELOW) -> list[Stretch]:
    """Return the stretches whose confidence is below a bound, the least certain first."""
    found = [
        each
        for actor in annotation.actors
        for each in review_stretches(actor)
        if each.confidence < below
    ]
    return sorted(found, key=lambda each: (each.confidence, each.first, each.actor.track))
