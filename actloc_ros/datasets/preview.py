"""Draw annotations: frames with their boxes and labels, as a page or as a video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from actloc_ros.boxes import clip
from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.frames import seconds
from actloc_ros.io.drawing import ActionRow, draw, scaled
from actloc_ros.truth.annotations import Happening, Instance, Video
from actloc_ros.truth.faults import refuse

TILES = 12
COLUMNS = 3
TILE = (480, 360)  # width and height of a tile in pixels
VIDEO_SECONDS = 10.0  # of each video that is shown


@dataclass(frozen=True)
class PreviewFrame:
    """A frame of a video that is worth showing."""

    video: int
    frame: int


def preview_page(videos: AnnotatedVideos) -> np.ndarray:
    """Return a page of up to 12 frames, uint8 (H, W, 3) RGB: each label's longest instance first.

    Raises:
        AnnotationError: A video is missing or cannot be read, or its annotation is impossible.
        ValueError: No video has an actor.
    """
    refuse(videos.annotations, videos.path)
    chosen = choose_frames(videos)
    tiles = [_drawn(videos, each.video, each.frame) for each in chosen]
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
    start = 0
    for index in _spread(len(videos.videos), TILES):
        video = videos.videos[index]
        frames = min(video.frames, round(VIDEO_SECONDS * video.fps))
        for frame in range(frames):
            yield start + video.stamp(frame), _drawn(videos, index, frame)
        start += video.stamp(frames)


def choose_frames(videos: AnnotatedVideos) -> list[PreviewFrame]:
    """Return up to 12 frames: for each label in turn its longest instances, in different videos.

    Raises:
        ValueError: No video has an actor, nor does anything happen in one.
    """
    queues = [_middles(videos, label) for label in videos.labels]
    queues += [_moments(videos, label) for label in videos.labels]
    queues.append(_actors(videos))
    found: dict[PreviewFrame, None] = {}
    for rank in range(TILES):
        for queue in queues:
            if rank < len(queue):
                found.setdefault(queue[rank])
    if not found:
        raise ValueError(
            f'{videos.path}: there is nothing to show: no video has an actor or a label'
        )
    return list(found)[:TILES]


def _middles(videos: AnnotatedVideos, label: str) -> list[PreviewFrame]:
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
    return [middle for *_, middle in sorted(found, key=lambda item: item[:2])]


def _middle(video: Video, each: Instance) -> int | None:
    for track in video.tracks:
        if track.actor == each.actor:
            stamps = video.stamps(track.frames)
            during = track.frames[(stamps >= each.start) & (stamps < each.end)]
            return int(during[len(during) // 2]) if len(during) else None
    return None


def _moments(videos: AnnotatedVideos, label: str) -> list[PreviewFrame]:
    """Return a frame of each time at which somebody does something, whoever it is."""
    return [
        PreviewFrame(index, _frame_of(video, each))
        for index, video in enumerate(videos.videos)
        for each in video.happenings
        if each.label == label
    ]


def _frame_of(video: Video, each: Happening) -> int:
    """Return the frame in the middle of what happens; of the video where no time is known."""
    if each.start is None:
        return video.frames // 2
    middle = each.start if each.end is None else (each.start + each.end) // 2
    return min(video.frames - 1, round(seconds(middle) * video.fps))


def _actors(videos: AnnotatedVideos) -> list[PreviewFrame]:
    return [
        PreviewFrame(index, int(track.frames[len(track.frames) // 2]))
        for index, video in enumerate(videos.videos)
        for track in video.tracks
        if len(track.frames)
    ]


def _spread(count: int, most: int) -> list[int]:
    return sorted(set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()))


def _drawn(videos: AnnotatedVideos, index: int, frame: int) -> np.ndarray:
    video = videos.videos[index]
    [image] = videos.clip(index, np.array([frame])).images
    fitted = _fitted(image)
    known = video.labelled is None or frame in video.labelled
    caption = f'{video.path} {frame}' + ('' if known else ' (not known)') + _happens(video, frame)
    return _tile(draw(fitted, _frame_rows(video, frame, fitted), caption))


def _happens(video: Video, frame: int) -> str:
    """Return what somebody does in a frame, or at some time in its video."""
    stamp, period = video.stamp(frame), video.stamp(1)
    found = [
        each.label + ('?' if each.start is None else '')
        for each in video.happenings
        if each.start is None
        or (each.start <= stamp < each.end if each.end else abs(stamp - each.start) <= period)
    ]
    return f': {", ".join(dict.fromkeys(found))}' if found else ''


def _frame_rows(video: Video, frame: int, image: np.ndarray) -> Iterator[ActionRow]:
    """Yield each actor's actions in a frame, and a row without an action for one that has none."""
    stamp = video.stamp(frame)
    for track in video.tracks:
        for box in track.boxes[track.frames == frame]:
            inside = clip(box, video.width, video.height).tolist()
            drawn = scaled(inside, (video.width, video.height), image)
            rows = [
                ActionRow(track.actor, drawn, each.label, 1.0, seconds(stamp - each.start))
                for each in video.instances
                if each.actor == track.actor and each.start <= stamp < each.end
            ]
            yield from rows or [ActionRow(track.actor, drawn, decided=False)]


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
