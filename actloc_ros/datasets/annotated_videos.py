"""Cut training clips out of annotated videos."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.boxes import clip
from actloc_ros.io.media import Frames, open_frames
from actloc_ros.truth.annotations import Annotations, Video
from actloc_ros.truth.plain_json import read_annotations

OPEN_VIDEOS = 8


@dataclass(frozen=True, eq=False)
class LabelledClip:
    """T frames and what they show.

    Attributes:
        images: uint8 (T, height, width, 3), RGB, oldest first.
        boxes: float32 (T, M, 4): x1, y1, x2, y2 in pixels; M actors, the same in all frames.
        actions: float32 (T, M, C): 1 where the actor does the action.
        visible: bool (T, M): whether the actor is visible in the frame; boxes hold only there.
        known: bool (T,): whether it is known what the frame shows; None: of all frames.
        keypoints: float32 (T, M, K, 2): x, y in pixels; NaN where they are not known.
    """

    images: np.ndarray
    boxes: np.ndarray
    actions: np.ndarray
    visible: np.ndarray
    known: np.ndarray | None
    keypoints: np.ndarray


class VideoLabels:
    """One video's annotation, for any of its frames.

    Boxes that leave the image are cut at its edge.
    """

    def __init__(self, video: Video, labels: tuple[str, ...], keypoints: int) -> None:
        self.video, self.classes, self.keypoints = video, len(labels), keypoints
        self.tracks = [track for track in video.tracks if len(track.frames)]
        self.instances: dict[int, list[tuple[int, int, int]]] = {}
        for each in video.instances:
            times = each.start, each.end, labels.index(each.label)
            self.instances.setdefault(each.actor, []).append(times)

    def clip(self, frames: np.ndarray, images: np.ndarray) -> LabelledClip:
        """Return the clip of T frames (int64) and their images, with the actors visible in it."""
        first, last = frames.min(), frames.max()
        near = [t for t in self.tracks if t.frames[0] <= last and t.frames[-1] >= first]
        rows = [_rows(track.frames, frames) for track in near]
        present = [(track, row) for track, row in zip(near, rows, strict=True) if (row >= 0).any()]
        labelled = self._empty(frames, images, len(present))
        stamps = self.video.stamps(frames)
        for column, (track, row) in enumerate(present):
            labelled.visible[:, column] = row >= 0
            boxes = clip(track.boxes[row], self.video.width, self.video.height)
            labelled.boxes[:, column] = np.where(row[:, None] >= 0, boxes, 0)
            if track.keypoints is not None:
                labelled.keypoints[row >= 0, column] = track.keypoints[row[row >= 0]]
            for start, end, label in self.instances.get(track.actor, ()):
                labelled.actions[(stamps >= start) & (stamps < end), column, label] = 1
        return labelled

    def _empty(self, frames: np.ndarray, images: np.ndarray, actors: int) -> LabelledClip:
        shape = len(frames), actors
        labelled = self.video.labelled
        return LabelledClip(
            images=images,
            boxes=np.zeros((*shape, 4), np.float32),
            actions=np.zeros((*shape, self.classes), np.float32),
            visible=np.zeros(shape, bool),
            known=None if labelled is None else np.isin(frames, labelled),
            keypoints=np.full((*shape, self.keypoints, 2), np.nan, np.float32),
        )


def _rows(have: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the index of each wanted number among rising ones; -1 where it is missing."""
    row = np.searchsorted(have, wanted).clip(max=len(have) - 1)
    return np.where(have[row] == wanted, row, -1)


class AnnotatedVideos:
    """Annotated videos, cut into clips on request.

    Args:
        path: File of the annotations; videos' paths are relative to its folder.
        annotations: What is in it; None reads it in the plain format.

    Raises:
        AnnotationError: The file is not in the plain format, or something in it is impossible.
    """

    def __init__(self, path: Path, annotations: Annotations | None = None) -> None:
        self.path, self.folder = path, path.parent
        self.annotations = read_annotations(path) if annotations is None else annotations
        self._readers: OrderedDict[str, Frames] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        """Leave open files behind: another process opens its own."""
        return {**self.__dict__, '_readers': OrderedDict()}

    @property
    def labels(self) -> tuple[str, ...]:
        """The action names, in the order of their class ids."""
        return self.annotations.labels

    @property
    def videos(self) -> tuple[Video, ...]:
        """The videos."""
        return self.annotations.videos

    def clip(self, index: int, frames: np.ndarray) -> LabelledClip:
        """Return the frames of the video at `index`; numbers may repeat.

        Raises:
            AnnotationError: The video lacks one, or it cannot be decoded.
        """
        images = self._reader(self.videos[index].path).read(frames.tolist())
        return self._truths[index].clip(frames, images)

    def truth(self, index: int, frames: np.ndarray) -> LabelledClip:
        """Return what is known of frames of the video at `index`, without their images."""
        return self._truths[index].clip(frames, np.zeros((len(frames), 0, 0, 3), np.uint8))

    @cached_property
    def _truths(self) -> list[VideoLabels]:
        keypoints = len(self.annotations.keypoints)
        return [VideoLabels(video, self.labels, keypoints) for video in self.videos]

    def _reader(self, name: str) -> Frames:
        reader = self._readers.pop(name, None) or open_frames(self.folder / name)
        self._readers[name] = reader
        if len(self._readers) > OPEN_VIDEOS:
            self._readers.popitem(last=False)[1].close()
        return reader
