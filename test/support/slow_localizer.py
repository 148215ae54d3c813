"""A localizer for tests of clusters: it takes its time, and writes down where it begins."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from colour_localizer import ColourLocalizer

from actloc_ros.frames import Frame
from actloc_ros.localizer import Detections

STEP, LOG = 'SLOW_LOCALIZER_STEP', 'SLOW_LOCALIZER_LOG'


class SlowLocalizer(ColourLocalizer):
    """As its base class, so many s a frame as the environment says."""

    def reset(self, camera: str | None = None) -> None:
        """Write down which process begins a recording."""
        if camera is None:  # the end of a recording resets its camera alone
            with Path(os.environ[LOG]).open('a') as file:
                file.write(f'{os.getpid()}\n')

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the rectangle in each frame, slowly."""
        time.sleep(float(os.environ.get(STEP, '0')))
        return super().step(frames)
