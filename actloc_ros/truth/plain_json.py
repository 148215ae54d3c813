"""Read and write the plain folder format: videos beside one JSON file with their annotations.

The JSON file holds one object::

    {
      "format": "actloc-annotations",
      "version": 1,
      "labels": ["walking", "waving"],
      "keypoints": ["left_wrist", "right_wrist"],
      "videos": [
        {
          "path": "kitchen.mp4", "fps": 30.0, "width": 640, "height": 480, "frames": 900,
          "tubes": [
            {"actor": 1, "boxes": [[0, 10, 20, 50, 90], [1, 11, 20, 51, 90]],
             "distances": [3.2, 3.1], "keypoints": [[12, 40.5, 48, 41], [13, 40, 49, 41.5]]}
          ],
          "instances": [
            {"actor": 1, "label": "waving", "start": 0.5, "end": 2.0,
             "start_ns": 500000000, "end_ns": 2000000000}
          ],
          "labelled": [0, 30, 60],
          "happenings": [{"label": "waving"}, {"label": "waving", "start": 0.5, "end": 2.0}]
        }
      ]
    }

`path` is relative to the JSON file. A box is a row of the frame's index (from 0) and the actor's
visible part x1, y1, x2, y2 in pixels, half-open: the actor's pixels are x1 <= x < x2. Frames in
which the actor is not visible have no row. `distances` (optional) is a number a row: metres along
the optical axis. `keypoints` (optional) is a row for each row of boxes: x and y in pixels of each
of the points in the list of the same name, in its order, also of those that are hidden or outside
the image; null where they are not known. Frame i is taken at i / fps seconds. An instance is one
action by one actor and holds for the frames from start to before end; `start_ns` and `end_ns` say
the same exactly and may be left out, as by someone who writes the file by hand. Actors need not
have instances, nor labels a use. `labelled` (optional) lists, rising, the frames that are labelled,
where that is not all of them: what the others show is not known, and they are not trained on.
`happenings` (optional) are actions of which it is not known who does them: at some time, from start
to before end, or, with `start` alone, at a moment at least. `tubes` and `instances` may be left
out.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.files import write_whole
from actloc_ros.frames import NANOSECONDS
from actloc_ros.truth.annotations import (
    ActorTrack,
    AnnotationError,
    Annotations,
    Happening,
    Instance,
    Video,
)
from actloc_ros.truth.faults import refuse

FORMAT = 'actloc-annotations'
VERSION = 1
ANNOTATIONS = 'annotations.json'  # the file's usual name
LARGEST = 2**53  # up to here, floats hold every whole number
LARGEST_STAMP = 2**63 - 1
TIMES = ('start', 'end')


def annotations_file(path: Path) -> Path:
    """Return the annotations' file: the path itself, or that of the usual name in a folder."""
    return path / ANNOTATIONS if path.is_dir() else path


def write_annotations(path: Path | str, annotations: Annotations) -> None:
    """Write the JSON file, a track and an instance a line.

    Raises:
        AnnotationError: An actor has another number of keypoints than there are names.
    """
    for track in (track for video in annotations.videos for track in video.tracks):
        if track.keypoints is not None and track.keypoints.shape[1] != len(annotations.keypoints):
            raise AnnotationError(
                f'{path}: actor {track.actor} has {track.keypoints.shape[1]} keypoints, but '
                f'{len(annotations.keypoints)} are named'
            )
    text = (
        f'{{\n"format": "{FORMAT}", "version": {VERSION},\n'
        f'"labels": {json.dumps(annotations.labels)},\n'
        f'"keypoints": {json.dumps(annotations.keypoints)},\n"videos": ['
        + ',\n'.join(_video_text(video) for video in annotations.videos)
        + ']\n}\n'
    )
    with write_whole(Path(path)) as file:
        file.write_text(text)


def read_annotations(path: Path | str) -> Annotations:
    """Read a JSON file of this format and refuse it where anything in it is impossible.

    Raises:
        AnnotationError: If the file is not such a file, or something in it is impossible.
        OSError: If it cannot be read.
    """
    annotations = parse_annotations(path)
    refuse(annotations, path, strict=True)
    return annotations


def parse_annotations(path: Path | str) -> Annotations:
    """Read a JSON file of this format without checking whether its content is possible.

    `check.check_dataset` lists what is not.

    Raises:
        AnnotationError: If the file is not such a file.
        OSError: If it cannot be read.
    """
    path = Path(path)
    try:
        data = json.loads(path.read_bytes())  # it finds the encoding
        if data.get('format') != FORMAT or data.get('version') != VERSION:
            raise AnnotationError(
                f'{path}: format is {data.get("format")!r}, version {data.get("version")!r}; '
                f'expected {FORMAT!r}, version {VERSION}'
            )
        labels = tuple(str(label) for label in data['labels'])
        keypoints = tuple(str(name) for name in data.get('keypoints', ()))
        videos = tuple(_read_video(video, len(keypoints), str(path)) for video in data['videos'])
    except AnnotationError:
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise AnnotationError(
            f'{path}: not annotations in the form {FORMAT!r}: {type(error).__name__}: {error}'
        ) from error
    if len(set(labels)) < len(labels):
        raise AnnotationError(f'{path}: labels are {list(labels)}; each must be there once')
    return Annotations(labels, videos, keypoints)


def _video_text(video: Video) -> str:
    head: dict[str, Any] = {
        'path': video.path,
        'fps': video.fps,
        'width': video.width,
        'height': video.height,
        'frames': video.frames,
    }
    if video.labelled is not None:
        head['labelled'] = video.labelled.tolist()
    if video.happenings:
        head['happenings'] = [_happening_data(each) for each in video.happenings]
    tracks = ',\n'.join(json.dumps(_track_data(track)) for track in video.tracks)
    instances = ',\n'.join(json.dumps(_instance_data(each)) for each in video.instances)
    return f'{json.dumps(head)[:-1]},\n"tubes": [{tracks}],\n"instances": [{instances}]}}'


def _track_data(track: ActorTrack) -> dict[str, Any]:
    rows = [
        [int(frame), *(_short(value) for value in box)]
        for frame, box in zip(track.frames, track.boxes, strict=True)
    ]
    data: dict[str, Any] = {'actor': track.actor, 'boxes': rows}
    if track.distances is not None:
        data['distances'] = [round(float(distance), 3) for distance in track.distances]
    if track.keypoints is not None:
        flat = track.keypoints.reshape(len(rows), -1)
        data['keypoints'] = [[_short(value) for value in row] for row in flat.round(1)]
    return data


def _short(value: float) -> float | int | None:
    if math.isnan(value):
        return None
    return int(value) if float(value).is_integer() else float(value)


def _instance_data(instance: Instance) -> dict[str, Any]:
    return {
        'actor': instance.actor,
        'label': instance.label,
        'start': instance.start / NANOSECONDS,
        'end': instance.end / NANOSECONDS,
        'start_ns': instance.start,
        'end_ns': instance.end,
    }


def _happening_data(each: Happening) -> dict[str, Any]:
    times = {
        key: value
        for name, stamp in (('start', each.start), ('end', each.end))
        if stamp is not None
        for key, value in ((name, stamp / NANOSECONDS), (f'{name}_ns', stamp))
    }
    return {'label': each.label} | times


def _read_video(data: dict[str, Any], keypoints: int, source: str) -> Video:
    where = f'{source}: video {data["path"]!r}'
    fps = float(data['fps'])
    if not (math.isfinite(fps) and fps > 0):
        raise AnnotationError(f'{where}: fps is {data["fps"]!r}; expected a positive number')
    width, height, frames = (
        whole_number(data[key], f'{where}: {key}') for key in ('width', 'height', 'frames')
    )
    if min(width, height, frames) < 1:
        raise AnnotationError(
            f'{where}: width, height and frames are {width}, {height} and {frames}; expected 1 or '
            'more of each'
        )
    labelled = data.get('labelled')
    return Video(
        path=str(data['path']),
        fps=fps,
        width=width,
        height=height,
        frames=frames,
        tracks=tuple(_read_track(track, keypoints, where) for track in data.get('tubes', ())),
        instances=tuple(_read_instance(each, where) for each in data.get('instances', ())),
        labelled=None if labelled is None else whole_numbers(labelled, f'{where}: labelled frames'),
        happenings=tuple(_read_happening(each, where) for each in data.get('happenings', ())),
    )


def whole_number(value: Any, where: str, largest: int = LARGEST) -> int:
    """Return a number as an int.

    Raises:
        AnnotationError: It is not whole, or too large; the message begins with `where`.
    """
    try:
        number = int(value)
    except (OverflowError, TypeError, ValueError):
        number = largest + 1
    if abs(number) > largest or (isinstance(value, float) and number != value):
        raise AnnotationError(f'{where} is {value!r:.40}; expected a whole number to {largest}')
    return number


def whole_numbers(data: Any, where: str) -> np.ndarray:
    """Return numbers as int64 (N,).

    Raises:
        AnnotationError: One is not whole; the message begins with `where`.
    """
    numbers = np.array(data, float).reshape(-1)
    bad = ~(np.abs(numbers) < LARGEST) | (numbers != np.floor(numbers))
    if bad.any():
        raise AnnotationError(f'{where} must be whole numbers, not {numbers[bad][0]}')
    return numbers.astype(np.int64)


def _read_track(data: dict[str, Any], keypoints: int, where: str) -> ActorTrack:
    actor = whole_number(data['actor'], f'{where}: actor')
    rows = np.array(data['boxes'], float).reshape(len(data['boxes']), 5)
    distances = data.get('distances')
    if distances is not None:
        distances = np.array(distances, float)
        if distances.shape != (len(rows),):
            raise AnnotationError(
                f'{where}: actor {actor} has {len(rows)} boxes but {distances.size} distances'
            )
    frames = whole_numbers(rows[:, 0], f'{where}: actor {actor}: frames')
    points = data.get('keypoints')
    if points is not None:
        points = np.array(points, float)
        if not keypoints or points.shape != (len(rows), 2 * keypoints):
            raise AnnotationError(
                f'{where}: actor {actor} has keypoints of shape {points.shape}; expected '
                f'{(len(rows), 2 * keypoints)}: x and y of {keypoints} points a box'
            )
        points = points.reshape(-1, keypoints, 2)
    return ActorTrack(actor, frames, rows[:, 1:], distances, points)


def _read_instance(data: dict[str, Any], where: str) -> Instance:
    start, end = (_read_stamp(data, key, f'{where}: {key} of an instance') for key in TIMES)
    actor = whole_number(data['actor'], f'{where}: actor of an instance')
    return Instance(actor, str(data['label']), start, end)


def _read_happening(data: dict[str, Any], where: str) -> Happening:
    start, end = (
        _read_stamp(data, key, f'{where}: {key} of a happening')
        if key in data or f'{key}_ns' in data
        else None
        for key in TIMES
    )
    return Happening(str(data['label']), start, end)


def _read_stamp(data: dict[str, Any], key: str, where: str) -> int:
    """Return a time in ns, which is written in ns or, by hand, in seconds."""
    in_ns = data[f'{key}_ns'] if f'{key}_ns' in data else round(float(data[key]) * NANOSECONDS)
    return whole_number(in_ns, f'{where} in ns', LARGEST_STAMP)
