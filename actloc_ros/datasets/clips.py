"""Cut training clips out of annotated videos."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from actloc_ros.datasets.annotations import Annotations, Video, read_annotations
from actloc_ros.datasets.video_reader import VideoReader

OPEN_VIDEOS = 8


@dataclass(frozen=True, eq=False)
class Clip:
    """T frames and what they show.

    Attributes:
        images: uint8 (T, height, width, 3), RGB, oldest first.
        boxes: float32 (T, M, 4): x1, y1, x2, y2 in pixels; M actors, the same in all frames.
        actions: float32 (T, M, C): 1 where the actor does the action.
        visible: bool (T, M): whether the actor is seen in the frame; boxes hold only there.
    """

    images: np.ndarray
    boxes: np.ndarray
    actions: np.ndarray
    visible: np.ndarray


class Truth:
    """One video's annotation by frame, for M actors and C labels."""

    def __init__(self, video: Video, labels: tuple[str, ...]) -> None:
        actors = {tube.actor: i for i, tube in enumerate(video.tubes)}
        shape = video.frames, len(actors)
        self.boxes = np.zeros((*shape, 4), np.float32)
        self.visible = np.zeros(shape, bool)
        self.actions = np.zeros((*shape, len(labels)), np.float32)
        for tube in video.tubes:
            self.boxes[tube.frames, actors[tube.actor]] = tube.boxes
            self.visible[tube.frames, actors[tube.actor]] = True
        stamps = np.array([video.stamp(i) for i in range(video.frames)])
        for each in video.instances:
            if each.actor in actors:
                during = (stamps >= each.start) & (stamps < each.end)
                self.actions[during, actors[each.actor], labels.index(each.label)] = 1


class AnnotatedVideos:
    """The videos of one annotation file, cut into clips on request."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.annotations: Annotations = read_annotations(path)
        self._readers: OrderedDict[str, VideoReader] = OrderedDict()

    @property
    def labels(self) -> tuple[str, ...]:
        """The action names, in the order of their class ids."""
        return self.annotations.labels

    @property
    def videos(self) -> tuple[Video, ...]:
        """The videos."""
        return self.annotations.videos

    def clip(self, index: int, frames: np.ndarray) -> Clip:
        """Return the frames of the video at `index`; numbers may repeat.

        Raises:
            AnnotationError: The video lacks one, or it cannot be decoded.
        """
        truth = self._truths[index]
        return Clip(
            images=self._reader(self.videos[index].path).read(frames.tolist()),
            boxes=truth.boxes[frames],
            actions=truth.actions[frames],
            visible=truth.visible[frames],
        )

    @cached_property
    def _truths(self) -> list[Truth]:
        return [Truth(video, self.labels) for video in self.videos]

    def _reader(self, name: str) -> VideoReader:
        reader = self._readers.pop(name, None) or VideoReader(self.folder / name)
        self._readers[name] = reader
        if len(self._readers) > OPEN_VIDEOS:
            self._readers.popitem(last=False)[1].close()
        return reader
