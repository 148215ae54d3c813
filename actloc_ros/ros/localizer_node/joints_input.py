"""Give the joints that another node finds to the frame that they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np

from actloc_ros.frames import nanoseconds
from actloc_ros.localizer import PersonJoints
from actloc_ros.parameter_spec import LONGEST
from actloc_ros.stamped_buffer import BufferLimits, StampedBuffer, StampHistory

EXACT_OR_NEAR = nanoseconds(LONGEST)  # half a frame's time limits it
FARTHEST = 1e6  # pixels, or widths of an image: no image is as large


class JointsInput:
    """The people and joints of all cameras, by stamp: what subscribers put, models take."""

    def __init__(
        self,
        images: dict[str, StampHistory],
        patience: float,
        limits: BufferLimits,
        warn: Callable[[str, str], None],
    ) -> None:
        """Begin.

        Args:
            images: By camera, the stamps of its images.
            patience: Time in s for which a frame waits for its joints.
            limits: How much is kept of each camera.
            warn: Takes a kind and a text of what is wrong.
        """
        self._patience, self._warn = patience, warn
        self._buffers: dict[str, StampedBuffer[PersonJoints]] = {
            camera: StampedBuffer(stamps, limits) for camera, stamps in images.items()
        }
        self._missing: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._faults: dict[str, str] = {}

    @property
    def cameras(self) -> Iterable[str]:
        """The cameras' names."""
        return self._buffers.keys()

    def joints(self, camera: str, stamp: int) -> PersonJoints | None:
        """Return who came for a stamp in ns, waiting for them; None where nothing comes."""
        buffer = self._buffers[camera]
        match = buffer.wait(stamp, EXACT_OR_NEAR, self._patience)
        if match.item is None:
            if not match.settled:
                buffer.give_up(stamp)
            self._missing[camera] += 1
            self._faults[camera] = 'no joints came with the stamp of the last frame'
            self._warn(
                f'{camera} joints', f'no joints came with the stamp of a frame of {_name(camera)}'
            )
            return None
        self._faults.pop(camera, None)
        return match.item

    def put(self, camera: str, stamp: int, people: PersonJoints) -> None:
        """Keep who is in a frame; those put before for the same stamp are replaced."""
        self._buffers[camera].put(stamp, people, people.joints.nbytes + people.scores.nbytes)

    def usable(self, camera: str, people: PersonJoints) -> PersonJoints:
        """Return those whose numbers are all possible; count and report the others."""
        joints, scores = people.joints, people.scores
        fits = np.isfinite(joints).all(axis=(1, 2)) & (scores >= 0) & (scores <= 1)
        fits &= (np.abs(joints[..., :2]) < FARTHEST).all(axis=(1, 2))
        fits &= ((joints[..., 2] >= 0) & (joints[..., 2] <= 1)).all(axis=1)
        boxes = people.boxes
        if boxes is not None:
            fits &= np.isfinite(boxes).all(axis=1) & (np.abs(boxes) < FARTHEST).all(axis=1)
        if fits.all():
            return people
        row = int(np.argmin(fits))
        self.note_broken(
            camera, int((~fits).sum()), f'joints {joints[row].tolist()} with score {scores[row]}'
        )
        kept = None if boxes is None else boxes[fits]
        return PersonJoints(joints[fits], scores[fits], kept, people.relative)

    def note_broken(self, camera: str, count: int, text: str) -> None:
        """Count people who cannot be used, and say why."""
        self._broken[camera] += count
        self._warn(
            f'{camera} broken joints', f'joints of {_name(camera)} are left out: {text:.200}'
        )

    def values(self, camera: str) -> dict[str, object]:
        """Return the figures of one camera for diagnostics."""
        return {
            'frames without joints': self._missing[camera],
            'joints too late': self._buffers[camera].late,
            'joints broken': self._broken[camera],
        }

    def fault(self, camera: str) -> str:
        """Return what is wrong with the joints of one camera; empty if nothing is."""
        return self._faults.get(camera, '')


def _name(camera: str) -> str:
    return f'camera "{camera}"' if camera else 'the camera'
