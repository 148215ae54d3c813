"""Show what annotations say: frames with their boxes and labels, as a page or as a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import cv2
import numpy as np

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.instances import InstanceState
from actloc_ros.io.drawing import draw
from actloc_ros.messages import time_message
from actloc_ros.truth.annotations import ActorTrack, Instance, Video
from actloc_ros.truth.faults import refuse

TILES = 12
COLUMNS = 3
TILE = (480, 360)  # width and height of a tile in pixels
VIDEO_SECONDS = 10.0  # of each video that is shown


@dataclass(frozen=True)
class PreviewFrame:
    """A frame of a video that is worth a look."""

    video: int
    frame: int


def preview_page(videos: AnnotatedVideos) -> np.ndarray:
    """Return a page of up to 12 frames, uint8 (H, W, 3) RGB: each label's longest instance first.

    Raises:
        AnnotationError: A video is missing or cannot be read, or what is said of it is impossible.
        ValueError: Nobody is seen in any.
    """
    refuse(videos.annotations, videos.path)
    moments = choose_moments(videos)
    tiles = [_drawn(videos, each.video, each.frame) for each in moments]
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % min(COLUMNS, len(tiles)))
    columns = min(COLUMNS, len(tiles))
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack(rows)


def preview_video(videos: AnnotatedVideos) -> Iterator[tuple[int, np.ndarray]]:
    """Yield stamps in ns and images with their truth: the first 10 s of up to 12 videos.

    All images have a tile's size, whatever the videos' sizes.
    """
    refuse(videos.annotations, videos.path)
    begin = 0
    for index in _spread(len(videos.videos), TILES):
        video = videos.videos[index]
        frames = min(video.frames, round(VIDEO_SECONDS * video.fps))
        for frame in range(frames):
            yield begin + video.stamp(frame), _drawn(videos, index, frame)
        begin += video.stamp(frames)


def choose_moments(videos: AnnotatedVideos) -> list[PreviewFrame]:
    """Return up to 12 frames: for each label in turn its longest instances, in different videos.

    Raises:
        ValueError: Nobody is seen in any video.
    """
    queues = [_moments(videos, label) for label in videos.labels]
    queues.append(_actors(videos))
    found: dict[PreviewFrame, None] = {}
    for rank in range(TILES):
        for queue in queues:
            if rank < len(queue):
                found.setdefault(queue[rank])
    if not found:
        raise ValueError(f'{videos.path}: there is nothing to show: nobody is seen in any video')
    return list(found)[:TILES]


def _moments(videos: AnnotatedVideos, label: str) -> list[PreviewFrame]:
    """Return the middle of each instance of a label, one a video before any video's second."""
    found: list[tuple[int, int, PreviewFrame]] = []
    for index, video in enumerate(videos.videos):
        own = [each for each in video.instances if each.label == label]
        own.sort(key=lambda each: each.start - each.end)
        middles = [frame for each in own if (frame := _middle(video, each)) is not None]
        found += [
            (rank, each.start - each.end, PreviewFrame(index, frame))
            for rank, (each, frame) in enumerate(zip(own, middles, strict=False))
        ]
    return [moment for *_, moment in sorted(found, key=lambda item: item[:2])]


def _middle(video: Video, each: Instance) -> int | None:
    for tube in video.tubes:
        if tube.actor == each.actor:
            stamps = np.array([video.stamp(int(frame)) for frame in tube.frames])
            during = tube.frames[(stamps >= each.start) & (stamps < each.end)]
            return int(during[len(during) // 2]) if len(during) else None
    return None


def _actors(videos: AnnotatedVideos) -> list[PreviewFrame]:
    return [
        PreviewFrame(index, int(tube.frames[len(tube.frames) // 2]))
        for index, video in enumerate(videos.videos)
        for tube in video.tubes
        if len(tube.frames)
    ]


def _spread(count: int, most: int) -> list[int]:
    return sorted(set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()))


def _drawn(videos: AnnotatedVideos, index: int, frame: int) -> np.ndarray:
    video = videos.videos[index]
    [image] = videos.clip(index, np.array([frame])).images
    return _tile(draw(_fitted(image), _message(video, frame, videos.labels)))


def _message(video: Video, frame: int, labels: Sequence[str]) -> SimpleNamespace:
    """Return a frame's truth with the fields of a message of detections that drawing looks at."""
    known = video.labelled is None or frame in video.labelled
    return SimpleNamespace(
        image_width=video.width,
        image_height=video.height,
        model=f'{video.path} {frame}' + ('' if known else ' (not known)'),
        detections=[
            detection
            for tube in video.tubes
            for row in np.flatnonzero(tube.frames == frame)
            for detection in _detections(video, tube, int(row), labels)
        ],
    )


def _detections(
    video: Video, tube: ActorTrack, row: int, labels: Sequence[str]
) -> Iterator[SimpleNamespace]:
    """Yield an actor's actions in a frame, or one that says that there is none."""
    stamp = video.stamp(int(tube.frames[row]))
    limit = [video.width, video.height] * 2
    actor = {'track_id': tube.actor, 'bbox': tube.boxes[row].clip(0, limit)}
    doing = [
        each
        for each in video.instances
        if each.actor == tube.actor and each.start <= stamp < each.end
    ]
    for each in doing:
        class_id = labels.index(each.label)
        yield SimpleNamespace(
            **actor,
            state=InstanceState.ONGOING,
            class_id=class_id,
            label=each.label,
            results=[SimpleNamespace(class_id=class_id, score=1.0)],
            start_time=time_message(_plain, each.start),
            end_time=time_message(_plain, stamp),
        )
    if not doing:
        yield SimpleNamespace(**actor, state=InstanceState.UNKNOWN, results=[], class_id=-1)


def _plain(_: str) -> type[SimpleNamespace]:
    return SimpleNamespace


def _fitted(image: np.ndarray) -> np.ndarray:
    """Return an image scaled to fit into a tile."""
    scale = min(TILE[0] / image.shape[1], TILE[1] / image.shape[0])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=how)


def _tile(image: np.ndarray) -> np.ndarray:
    """Return an image with black beside it, of a tile's size."""
    canvas = np.zeros((TILE[1], TILE[0], 3), np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image
    return canvas
