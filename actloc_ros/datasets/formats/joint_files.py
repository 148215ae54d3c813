"""Read detected joints: a bag of detections, or a JSON file.

The JSON file holds one object::

    {
      "format": "actloc-joints",
      "version": 1,
      "joint_names": ["nose", "left_eye"],
      "detections": [
        {"video": "kitchen.mp4", "frame": 0, "score": 0.9, "joints": [[40, 20, 0.8], [42, 18, 0.7]]}
      ]
    }

A detection is one person in one frame: the video's name in the ground truth, the frame's index
from 0, a score, and x, y in pixels and confidence of each joint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.io.bags import read_detections, read_joint_names
from actloc_ros.messages import stamp_of
from actloc_ros.truth.annotations import Video
from actloc_ros.truth.boxes import FRAMES_A_VIDEO, EvaluationError, VideoIndex
from actloc_ros.truth.joints import FramePeople, JointDetections, JointTruth

FORMAT, VERSION = 'actloc-joints', 1
NO_FRAME = 'with a stamp of no frame'


def read_joint_detections(path: Path, truth: JointTruth) -> JointDetections:
    """Read detected joints of the videos of `truth`: JSON of this format, else a bag.

    A bag is of one video, and so must the ground truth be; its stamps are the frames' times in it.

    Raises:
        EvaluationError: The file is broken, or does not belong to the ground truth.
        SourceError: The bag cannot be read.
        OSError: The file cannot be read.
    """
    if path.suffix.lower() == '.json':
        return _read_json(path, truth)
    if len(truth.videos) != 1:
        raise EvaluationError(
            f'{path}: a bag holds the detections of one video, but {truth.path} has '
            f'{len(truth.videos)}; name the one with --video-list, or give all as JSON'
        )
    return _read_bag(path, truth.videos[0])


def _read_bag(path: Path, video: Video) -> JointDetections:
    names = read_joint_names(path)
    if not names:
        raise EvaluationError(
            f'{path}: no names of joints are latched in it; record ~/label_info with the '
            'detections of a model that has joints'
        )
    messages = list(read_detections(path))
    cameras = sorted({message.camera for message in messages})
    if len(cameras) > 1:
        raise EvaluationError(f'{path}: it holds the cameras {cameras}; record each in its own bag')
    rows: list[tuple[int, float, np.ndarray]] = []
    strangers = 0
    for message in messages:
        people = dict(_people(message))
        frame = _frame_at(stamp_of(message.header.stamp), video)
        if frame is None:
            strangers += len(people)
            continue
        scale = np.array([video.width / message.image_width, video.height / message.image_height])
        rows += [(frame, score, joints * scale) for score, joints in people.values()]
    if strangers and not rows:
        raise EvaluationError(
            f'{path}: no stamp is the time of a frame of {video.path}, from 0 s on; record a '
            'recording without `play --epoch`'
        )
    return JointDetections(str(path), names, _rows(rows, len(names)), {NO_FRAME: strangers})


def _people(message: Any) -> Iterator[tuple[int, tuple[float, np.ndarray]]]:
    """Yield each track with its score and its joints (K, 2) in pixels of the image."""
    for detection in message.detections:
        if len(detection.joints_x):
            joints = np.column_stack([detection.joints_x, detection.joints_y]).astype(np.float64)
            yield detection.track_id, (float(detection.box_score), joints)


def _frame_at(stamp: int, video: Video) -> int | None:
    """Return the frame that is taken at `stamp` (ns), to half a frame; None where none is."""
    frame = round(stamp * video.fps / NANOSECONDS)
    return frame if 0 <= frame < video.frames else None


def _read_json(path: Path, truth: JointTruth) -> JointDetections:
    try:
        data = json.loads(path.read_bytes())  # it finds the encoding
        if data['format'] != FORMAT or data['version'] != VERSION:
            raise EvaluationError(
                f'{path}: format is {data["format"]!r}, version {data["version"]!r}; expected '
                f'{FORMAT!r}, version {VERSION}'
            )
        names = tuple(str(name) for name in data['joint_names'])
        videos = VideoIndex([video.path for video in truth.videos], truth.path)
        rows = [
            _row(each, len(names), videos, truth, f'{path}: detection {number}')
            for number, each in enumerate(data['detections'])
        ]
    except EvaluationError:
        raise
    except (
        AttributeError,
        LookupError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise EvaluationError(
            f'{path}: not joints in the form {FORMAT!r}: {type(error).__name__}: {error}'
        ) from error
    if not names or len(set(names)) < len(names):
        raise EvaluationError(f'{path}: joint_names are {list(names)}; expected different names')
    return JointDetections(str(path), names, _rows(rows, len(names)), {})


def _row(
    data: Any, count: int, videos: VideoIndex, truth: JointTruth, where: str
) -> tuple[int, float, np.ndarray]:
    joints, score = np.array(data['joints'], np.float64), float(data['score'])
    if joints.shape != (count, 3):
        raise EvaluationError(
            f'{where}: joints of shape {joints.shape}; expected {(count, 3)}: x, y, confidence'
        )
    if not (np.isfinite(joints).all() and np.isfinite(score)):
        raise EvaluationError(f'{where}: a joint or the score is not a finite number')
    video, frame = videos.index(data['video'], where), data['frame']
    if not isinstance(frame, int) or not 0 <= frame < truth.videos[video].frames:
        raise EvaluationError(
            f'{where}: frame is {frame!r}; expected 0 to {truth.videos[video].frames - 1}'
        )
    return video * FRAMES_A_VIDEO + frame, score, joints[:, :2]


def _rows(rows: list[tuple[int, float, np.ndarray]], count: int) -> FramePeople:
    return FramePeople(
        np.array([key for key, *_ in rows], np.int64),
        np.array([joints for *_, joints in rows], np.float64).reshape(-1, count, 2),
        np.full((len(rows), 4), np.nan),
        np.array([score for _, score, *_ in rows], np.float64),
    )
