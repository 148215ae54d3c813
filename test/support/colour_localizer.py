"""A localizer of a third party, for tests: it finds the bright rectangle and names its colour."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from actloc_ros.frames import Frame
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions, no_detections

DARK = 60  # grey levels: the background's most


class ColourLocalizer(Localizer):
    """Finds one rectangle a frame; fails at a frame that is white all over."""

    name = 'colour'
    labels = ('red', 'green', 'blue')
    threshold = 0.5
    opened = 0

    def __init__(self, options: LocalizerOptions) -> None:
        if options.weights:
            raise ValueError(f'there are no weights "{options.weights}" for colours')
        ColourLocalizer.opened += 1

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the rectangle in each frame."""
        return [self._find(frame) for frame in frames]

    def reset(self, camera: str | None = None) -> None:
        """Do nothing: there is no past."""

    def close(self) -> None:
        """Count down what is open."""
        ColourLocalizer.opened -= 1

    def _find(self, frame: Frame) -> Detections:
        if frame.image.min() == 255:
            raise ZeroDivisionError('white all over')
        rows, columns = np.nonzero(frame.image.max(axis=2) > DARK)
        clip = ClipInfo(frame.stamp, frame.stamp)
        if not len(rows):
            return no_detections(clip, len(self.labels))
        y1, x1, y2, x2 = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
        colour = frame.image[y1:y2, x1:x2].reshape(-1, 3).mean(axis=0)
        return Detections(
            boxes=np.array([[x1, y1, x2, y2]], np.float32),
            scores=np.array([0.9], np.float32),
            actions=(colour[None] / 255).astype(np.float32),
            clip=clip,
        )


class StuckLocalizer(ColourLocalizer):
    """Gets stuck in its first step, as on a GPU that hangs."""

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Never answer."""
        time.sleep(60)
        raise AssertionError('the test has ended long ago')


class SlowlyOpenedLocalizer(ColourLocalizer):
    """Takes its time to open, as a large network does."""

    takes = 40.0  # s

    def __init__(self, options: LocalizerOptions) -> None:
        time.sleep(self.takes)
        super().__init__(options)


class FeaturedColourLocalizer(ColourLocalizer):
    """Offers features: its rectangle's colour; and one joint: the middle of the rectangle."""

    name = 'featured'
    joint_names = ('middle',)

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the rectangle in each frame."""
        return [self._add(found) for found in super().step(frames)]

    def _add(self, found: Detections) -> Detections:
        middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        joints = np.concatenate([middles, np.ones((len(found), 1))], axis=-1)[:, None]
        return replace(found, features=found.actions, joints=joints.astype(np.float32))


class FatalLocalizer(ColourLocalizer):
    """Ends its process at a frame that is white all over, as a bug in native code does."""

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the rectangle in each frame."""
        if any(frame.image.min() == 255 for frame in frames):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step(frames)
