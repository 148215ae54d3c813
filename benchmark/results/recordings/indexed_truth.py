"""Put ground truth into an index, as if a faultless model had found it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from actloc_ros.recordings.index.model import (
    INSTANCES,
    KEYS,
    TRACKS,
    IndexedAlarm,
    IndexedModel,
    IndexedRecording,
    IndexedView,
    rows,
)
from actloc_ros.truth.annotations import ActorTrack, Video

MODEL = 'truth'
KEY_EVERY = 5  # frames
MARGIN = 0.3  # of a box that its picture shows around it
PICTURE_HEIGHT = 120


def truth_recording(
    path: Path,
    video: Video,
    labels: Sequence[str],
    camera: str = '',
    zero: int = 0,
    alarms: Sequence[IndexedAlarm] = (),
) -> IndexedRecording:
    """Return a video's truth as a recording of an index, with a thumbnail of each instance.

    Args:
        path: The video.
        video: Its truth.
        labels: Names of actions.
        camera: The camera's name.
        zero: Stamp in ns of its first frame; not 0 only where the video itself is not needed.
        alarms: With stamps from 0.
    """
    tracks = {track.actor: track for track in video.tracks if len(track.frames)}
    acts = sorted(
        (each for each in video.instances if each.actor in tracks),
        key=lambda each: (each.start, each.actor, each.label),
    )
    found, wanted = [], {}
    for number, act in enumerate(acts, 1):
        frame, box = _best(tracks[act.actor], video, act.start, act.end)
        relative = box / [video.width, video.height, video.width, video.height]
        span = zero + act.start, zero + act.end
        found.append((number, act.actor, labels.index(act.label), *span, 0.95, *relative.tolist()))
        wanted.setdefault(frame, []).append((number, box))
    view = IndexedView(
        number=0,
        camera=camera,
        start=zero,
        end=zero + video.stamp(video.frames - 1),
        frames=video.frames,
        width=video.width,
        height=video.height,
        tracks=rows(TRACKS, [_track_row(each, video, zero) for each in tracks.values()]),
        instances=rows(INSTANCES, found),
        keys=rows(KEYS, [key for each in tracks.values() for key in _keys(each, video, zero)]),
        alarms=tuple(alarms),
    )
    content = hashlib.sha256(f'{path} {zero} {camera}'.encode()).hexdigest()
    model = IndexedModel(MODEL, labels=tuple(labels))
    pictures = {(0, number): jpeg for number, jpeg in _pictures(path, wanted)}
    return IndexedRecording(str(path), content, path.stat().st_size, 0, model, (view,), pictures)


def _best(track: ActorTrack, video: Video, start: int, end: int) -> tuple[int, np.ndarray]:
    """Return the frame in the middle of an action, and the box there."""
    middle = (start + end) / 2
    place = int(np.argmin(np.abs(video.stamps(track.frames) - middle)))
    return int(track.frames[place]), track.boxes[place]


def _track_row(track: ActorTrack, video: Video, zero: int) -> tuple:
    stamps = zero + video.stamps(track.frames)
    return track.actor, stamps[0], stamps[-1], 0.95, len(_chosen(track))


def _chosen(track: ActorTrack) -> np.ndarray:
    """Return the places of key frames: each fifth, and the last."""
    return np.unique(np.r_[0 : len(track.frames) : KEY_EVERY, len(track.frames) - 1])


def _keys(track: ActorTrack, video: Video, zero: int) -> list[tuple]:
    stamps = zero + video.stamps(track.frames)
    return [(track.actor, stamps[n], *track.boxes[n].tolist()) for n in _chosen(track)]


def _pictures(
    path: Path, wanted: dict[int, list[tuple[int, np.ndarray]]]
) -> list[tuple[int, bytes]]:
    pictures = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            for instance, box in wanted.get(number, ()):
                pictures.append((instance, _picture(frame.to_ndarray(format='bgr24'), box)))
    return pictures


def _picture(image: np.ndarray, box: np.ndarray) -> bytes:
    x1, y1, x2, y2 = box
    by = MARGIN * max(x2 - x1, y2 - y1)
    left, top = max(0, int(x1 - by)), max(0, int(y1 - by))
    cut = image[top : int(y2 + by) + 1, left : int(x2 + by) + 1]
    scale = PICTURE_HEIGHT / cut.shape[0]
    small = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode('.jpg', small)[1].tobytes()
