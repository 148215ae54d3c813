"""Keep what other nodes find in frames until the frame that it belongs to asks for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from actloc_ros.frames import nanoseconds
from actloc_ros.parameter_spec import LONGEST
from actloc_ros.stamped_buffer import BufferLimits, StampedBuffer, StampHistory

EXACT_OR_NEAR = nanoseconds(LONGEST)  # half a frame's time limits it

T = TypeVar('T')


class AwaitedInput(Generic[T]):
    """What is found in the frames of all cameras, by stamp, and what of it is missing or broken.

    Args:
        what: What it is called, such as `boxes`.
        images: By camera, the stamps of its images.
        patience: Time in s for which a frame waits.
        limits: How much is kept of each camera.
        warn: Takes a kind and a text of what is wrong.
    """

    def __init__(
        self,
        what: str,
        images: Mapping[str, StampHistory],
        patience: float,
        limits: BufferLimits,
        warn: Callable[[str, str], None],
    ) -> None:
        self._what, self._patience, self._warn = what, patience, warn
        self._buffers: dict[str, StampedBuffer[T]] = {
            camera: StampedBuffer(stamps, limits) for camera, stamps in images.items()
        }
        self._missing: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._faults: dict[str, str] = {}

    def take(self, camera: str, stamp: int) -> T | None:
        """Return what came for a stamp in ns, waiting for it; None where nothing comes."""
        buffer = self._buffers[camera]
        match = buffer.wait(stamp, EXACT_OR_NEAR, self._patience)
        if match.item is None:
            if not match.settled:
                buffer.give_up(stamp)
            self._missing[camera] += 1
            self._faults[camera] = f'no {self._what} came with the stamp of the last frame'
            self._warn(
                f'{camera} {self._what}',
                f'no {self._what} came with the stamp of a frame of {_name(camera)}',
            )
            return None
        self._faults.pop(camera, None)
        return match.item

    def keep(self, camera: str, stamp: int, item: T, size: int) -> None:
        """Keep what is in a frame, of `size` bytes; what was for the same stamp is replaced."""
        self._buffers[camera].put(stamp, item, size)

    def note_broken(self, camera: str, count: int, text: str) -> None:
        """Count what cannot be used, and say why."""
        self._broken[camera] += count
        self._warn(
            f'{camera} broken {self._what}',
            f'{self._what} of {_name(camera)} are left out: {text:.200}',
        )

    def values(self, camera: str) -> dict[str, object]:
        """Return the figures of one camera for diagnostics."""
        return {
            f'frames without {self._what}': self._missing[camera],
            f'{self._what} too late': self._buffers[camera].late,
            f'{self._what} broken': self._broken[camera],
        }

    def fault(self, camera: str) -> str:
        """Return what is wrong at one camera; empty if nothing is."""
        return self._faults.get(camera, '')


def _name(camera: str) -> str:
    return f'camera "{camera}"' if camera else 'the camera'
