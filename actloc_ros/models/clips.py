"""Choose a clip by time from a camera's stream, whatever the camera's rate."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import torch
from torch import Tensor

from actloc_ros.frames import NANOSECONDS, nanoseconds
from actloc_ros.localizer import ClipInfo

# Of a camera much faster than the model, this many frames a slot are kept: it bounds memory, and
# moves a slot by at most a thirty-second of its length.
FRAMES_PER_SLOT = 16


@dataclass(frozen=True)
class ClipSpec:
    """The clip that a model asks for: `frames` frames at `rate` Hz that end in the key frame."""

    frames: int
    rate: float

    def __post_init__(self) -> None:
        """Refuse what is not a clip.

        Raises:
            ValueError: `frames` is below 1, or `rate` is not positive.
        """
        if self.frames < 1:
            raise ValueError(f'a clip has 1 frame or more, not {self.frames}')
        if not 0 < self.rate < float('inf'):
            raise ValueError(f"a clip's rate is above 0 Hz and finite, not {self.rate}")

    @property
    def period(self) -> int:
        """Time from slot to slot in ns."""
        return round(NANOSECONDS / self.rate)

    def slots(self, key: int) -> list[int]:
        """Return the stamps in ns that the clip wants for the key frame's stamp, oldest first."""
        back = range(self.frames - 1, -1, -1)
        return [key - round(i * NANOSECONDS / self.rate) for i in back]


class ClipBuffer:
    """The recent frames of one camera, on the device, each held once.

    A query costs O(K): a slot takes the frame with the nearest stamp. Each received frame fills
    one slot; a slot that repeats a neighbour's frame counts as missing. At a stream's start the
    first frame fills the slots before it.

    A gap up to `bridge_gap` is bridged by the frames at its two ends. In a longer one, no frame
    from before it is stretched into it: slots inside repeat the frame after it. A gap above
    `restart_gap`, or an image of another shape or type, starts the clip again.
    """

    def __init__(self, spec: ClipSpec, bridge_gap: float, restart_gap: float) -> None:
        """Hold clips of `spec`; gaps are in s.

        Raises:
            ValueError: `bridge_gap` is negative or above `restart_gap`.
        """
        if not 0 <= bridge_gap <= restart_gap:
            raise ValueError(
                f'0 <= bridge_gap <= restart_gap is asked for, not bridge_gap = {bridge_gap} s'
                f' and restart_gap = {restart_gap} s'
            )
        self.spec = spec
        self._bridge_gap = nanoseconds(bridge_gap)
        self._restart_gap = nanoseconds(restart_gap)
        self._stamps: list[int] = []
        self._images: list[Tensor] = []

    def __len__(self) -> int:
        """Return the number of frames held."""
        return len(self._stamps)

    def push(self, stamp: int, image: Tensor) -> None:
        """Add the newest frame.

        Args:
            stamp: In ns; above the last one's.
            image: (C, H, W), as the model takes it. It is kept, not copied.

        Raises:
            ValueError: The stamp does not rise, or the image is not (C, H, W).
        """
        if image.dim() != 3:
            raise ValueError(f'a frame is (C, H, W), not {tuple(image.shape)}')
        if self._stamps:
            self._make_room(stamp, image)
        self._stamps.append(stamp)
        self._images.append(image)

    def clip(self) -> tuple[Tensor, ClipInfo]:
        """Return the clip that ends in the newest frame, (C, K, H, W), and what it is made of.

        Raises:
            ValueError: No frame was pushed.
        """
        frames, info = self.frames()
        return torch.stack([image for _, image in frames], dim=1), info

    def frames(self) -> tuple[list[tuple[int, Tensor]], ClipInfo]:
        """Return stamp and image of each frame of that clip, and what it is made of.

        Raises:
            ValueError: No frame was pushed.
        """
        if not self._stamps:
            raise ValueError('there is no clip before the first frame')
        chosen = [self._nearest(slot) for slot in self.spec.slots(self._stamps[-1])]
        info = ClipInfo(
            start=self._stamps[chosen[0]],
            end=self._stamps[-1],
            frames=self.spec.frames,
            missing=self.spec.frames - len(set(chosen)),
        )
        return [(self._stamps[i], self._images[i]) for i in chosen], info

    def clear(self) -> None:
        """Forget all frames."""
        self._stamps.clear()
        self._images.clear()

    def _make_room(self, stamp: int, image: Tensor) -> None:
        """Drop what no clip can use once a frame of `stamp` is the newest."""
        gap = stamp - self._stamps[-1]
        if gap <= 0:
            raise ValueError(f'stamp {stamp} ns does not rise: the last was {self._stamps[-1]} ns')
        last = self._images[-1]
        if gap > self._restart_gap or (image.shape, image.dtype) != (last.shape, last.dtype):
            self.clear()
            return
        self._thin(stamp)
        # Of the frames older than the clip only the newest can be nearest to its first slot.
        older = bisect_left(self._stamps, self.spec.slots(stamp)[0]) - 1
        if older > 0:
            del self._stamps[:older], self._images[:older]

    def _thin(self, stamp: int) -> None:
        """Drop the last frame where those beside it lie closer than a slot's smallest share."""
        if len(self._stamps) < 2:
            return
        if (stamp - self._stamps[-2]) * FRAMES_PER_SLOT < self.spec.period:
            self._stamps.pop()
            self._images.pop()

    def _nearest(self, slot: int) -> int:
        """Return the index of the frame that fills `slot`, a stamp up to the newest frame's."""
        after = bisect_left(self._stamps, slot)
        if after == 0:
            return 0
        since, until = slot - self._stamps[after - 1], self._stamps[after] - slot
        if since + until > self._bridge_gap and 2 * since > self.spec.period:
            return after
        return after if until <= since else after - 1
