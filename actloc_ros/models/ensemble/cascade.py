"""Decide when a dear member of an ensemble is worth its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from actloc_ros.frames import nanoseconds

HOLD = nanoseconds(1.0)  # ns for which a member goes on once asked: its network needs a past
SAVED = 20  # frames whose budget may be saved up
NEWEST = 0.2  # share of the newest step in what a step is expected to take


@dataclass
class Cascade:
    """Gives one member frames where they are wanted and the budget allows it.

    Attributes:
        budget: Time in ms a frame; 0 for no limit.
        expected: Time in ms that a frame takes the member, as measured so far.
        credit: Time in ms that is left.
    """

    budget: float
    expected: float = 0.0
    credit: float = 0.0
    _until: dict[str, int] = field(default_factory=dict)  # by camera: goes on until this stamp

    def choose(
        self, cameras: Sequence[str], stamps: Sequence[int], doubts: Sequence[float]
    ) -> list[int]:
        """Return which frames of a step the member gets, by their indices, rising.

        Args:
            cameras: Of each frame.
            stamps: Of each frame, in ns.
            doubts: How unsure the members before are, from 0; 0 for not at all.
        """
        self._earn(len(cameras))
        for camera, stamp, doubt in zip(cameras, stamps, doubts, strict=True):
            if doubt > 0:
                self._until[camera] = stamp + HOLD
        wanted = [i for i, camera in enumerate(cameras) if stamps[i] < self._until.get(camera, 0)]
        if not self.budget:
            return wanted
        wanted.sort(key=lambda index: -doubts[index])
        affordable = len(wanted) if not self.expected else int(self.credit // self.expected)
        return sorted(wanted[: max(0, affordable)])

    def spent(self, frames: int, time: float) -> None:
        """Note that a step of so many frames took `time` ms."""
        self.credit -= time
        each = time / frames
        self.expected = (
            each if not self.expected else self.expected + NEWEST * (each - self.expected)
        )

    def reset(self, camera: str) -> None:
        """Forget the past of one camera."""
        self._until.pop(camera, None)

    def _earn(self, frames: int) -> None:
        # A member dearer than all that could be saved up still gets a frame now and then.
        most = max(SAVED * self.budget, 1.5 * self.expected)
        self.credit = min(self.credit + frames * self.budget, most)
