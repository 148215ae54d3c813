"""Keep as few key frames of a track as say the rest: people correct key frames, not frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from actloc_ros.recordings.annotate.annotation import AnnotatedActor

WITHIN = 2.0  # px


@dataclass(frozen=True)
class KeyFrame:
    """A frame in which a track says something.

    Attributes:
        frame: Its number.
        box: x1, y1, x2, y2 in pixels.
        actions: What the actor does from here on, where that changes here; None where it goes on.
        outside: Whether the actor is not visible from here on; the box is then its last one.
    """

    frame: int
    box: tuple[float, float, float, float]
    actions: tuple[str, ...] | None
    outside: bool = False


def thin(frames: np.ndarray, boxes: np.ndarray, within: float = WITHIN) -> np.ndarray:
    """Return the rows that are to be kept, so that lines between them say the others.

    The first and the last row are kept, and from each kept row the line goes as far as it can:
    a bound on the farthest is found by doubling, and then halved.

    Args:
        frames: int (N,), rising.
        boxes: float (N, 4), x1, y1, x2, y2 in pixels.
        within: How far each coordinate of a box that is left out may be from the line, in px.

    Returns:
        int64 (K,), rising, with the first and the last of N > 0 rows.
    """
    kept, last = [0], len(frames) - 1
    while kept[-1] < last:
        kept.append(_farthest(frames, boxes, kept[-1], within))
    return np.array(kept if len(frames) else [], np.int64)


def key_frames(actor: AnnotatedActor, frames: int, within: float = WITHIN) -> list[KeyFrame]:
    """Return the key frames of an actor, by rising frames.

    There is one where what it does changes, which alone names actions; others say where it is. A
    frame after which it is not visible is followed by an `outside` one, unless that is beyond the
    recording, where importers know no frame.

    Args:
        actor: The actor.
        frames: How many the recording has.
        within: See `thin`.
    """
    found: list[KeyFrame] = []
    newest: tuple[str, ...] | None = None
    for rows in actor.runs():
        run = []
        for key in _run(actor, rows, within):
            same = key.actions is None or key.actions == newest  # as before it was out of sight
            newest = newest if key.actions is None else key.actions
            run.append(replace(key, actions=None) if same else key)
        found += run
        after = run[-1].frame + 1
        if after < frames:
            found.append(KeyFrame(after, run[-1].box, None, True))
    return found


def stretches(actor: AnnotatedActor, rows: slice) -> list[tuple[int, int, tuple[str, ...]]]:
    """Return the stretches of a run in which an actor does the same.

    Args:
        actor: The actor.
        rows: A run of its frames.

    Returns:
        First row, row after the last one, and labels of each stretch; they follow one another.
    """
    frames = actor.frames[rows]
    first, last = int(frames[0]), int(frames[-1])
    edges = {first}
    for span in actor.spans:
        edges |= {edge for edge in (span.first, span.last + 1) if first < edge <= last}
    found: list[tuple[int, int, tuple[str, ...]]] = []
    for frame in sorted(edges):
        actions, row = actor.doing(frame), rows.start + frame - first
        if found and found[-1][2] == actions:
            continue
        if found:
            found[-1] = (found[-1][0], row, found[-1][2])
        found.append((row, rows.stop, actions))
    return found


def _run(actor: AnnotatedActor, rows: slice, within: float) -> Iterator[KeyFrame]:
    parts = stretches(actor, rows)
    changes = {row: actions for row, _, actions in parts}
    for row in _kept(actor, rows, sorted(changes), within):
        x1, y1, x2, y2 = (float(value) for value in actor.boxes[row])
        yield KeyFrame(int(actor.frames[row]), (x1, y1, x2, y2), changes.get(row))


def _kept(actor: AnnotatedActor, rows: slice, forced: Sequence[int], within: float) -> list[int]:
    """Return the rows of a run that are kept, among them those that are forced."""
    kept: set[int] = set()
    ends = [*forced[1:], rows.stop - 1]
    for start, end in zip(forced, ends, strict=True):
        part = slice(start, end + 1)
        kept |= {start + int(row) for row in thin(actor.frames[part], actor.boxes[part], within)}
    return sorted(kept)


def _farthest(frames: np.ndarray, boxes: np.ndarray, start: int, within: float) -> int:
    """Return the farthest row to which a line from `start` says what is between."""
    good, step, last = start + 1, 2, len(frames) - 1
    while good < last:
        tried = min(start + step, last)
        if not _on_line(frames, boxes, start, tried, within):
            break
        good, step = tried, step * 2
    else:
        return last
    bad = min(start + step, last)
    while bad - good > 1:
        middle = (good + bad) // 2
        if _on_line(frames, boxes, start, middle, within):
            good = middle
        else:
            bad = middle
    return good


def _on_line(frames: np.ndarray, boxes: np.ndarray, start: int, end: int, within: float) -> bool:
    share = (frames[start : end + 1] - frames[start]) / (frames[end] - frames[start])
    line = boxes[start] + share[:, None] * (boxes[end] - boxes[start])
    return bool((np.abs(line - boxes[start : end + 1]) <= within).all())
