"""Choose the key frames of a training, rare labels more often than they come."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actloc_ros.truth.annotations import AnnotationError, Video


class KeyFrames:
    """Draws key frames from videos.

    A frame is drawn in proportion to the worth of the rarest label that it shows: how many times
    rarer that is than the commonest, to the power of `balance`.

    Args:
        videos: All videos.
        labels: The action names, in the order of their class ids.
        balance: 0 draws frames as they come; 1 draws all labels about equally often.

    Raises:
        AnnotationError: No frame is labelled.
    """

    def __init__(self, videos: Sequence[Video], labels: tuple[str, ...], balance: float) -> None:
        shown = [presence(video, labels) for video in videos]
        self._starts = np.cumsum([0, *(len(each) for each in shown)])
        together = np.concatenate(shown)
        count = np.maximum(together.sum(axis=0), 1)
        worth = np.where(together, (count.max() / count) ** balance, 1.0).max(axis=1)
        worth *= np.concatenate([_is_labelled(video) for video in videos])
        if not worth.any():
            raise AnnotationError('there is no labelled frame in the recordings to learn from')
        self._cumulative = np.cumsum(worth) / worth.sum()

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """Return the number of a video, and of a labelled frame of it."""
        chosen = int(np.searchsorted(self._cumulative, rng.random(), side='right'))
        video = int(np.searchsorted(self._starts, chosen, side='right')) - 1
        return video, chosen - int(self._starts[video])


def presence(video: Video, labels: tuple[str, ...]) -> np.ndarray:
    """Return which labels each frame of a video shows: bool (frames, C)."""
    found = np.zeros((video.frames, len(labels)), bool)
    stamps = np.array([video.stamp(frame) for frame in range(video.frames)])
    for track in video.tracks:
        for each in video.instances:
            if each.actor == track.actor:
                during = (stamps[track.frames] >= each.start) & (stamps[track.frames] < each.end)
                found[track.frames[during], labels.index(each.label)] = True
    return found


def _is_labelled(video: Video) -> np.ndarray:
    """Return bool (frames,): whether it is known what a frame shows."""
    frames = np.arange(video.frames)
    return frames >= 0 if video.labelled is None else np.isin(frames, video.labelled)
